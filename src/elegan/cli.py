"""The command line: words -> a verb's options -> one function of `api.py` -> words or JSON."""

import dataclasses
import inspect
import json
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from elegan import options
from elegan.common import VERSION
from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.settings import (
    TrainSettings,
    from_json,
    parse_count,
    preset_for,
    preset_settings,
)
from elegan.settings.limits import check_limits

PHOTOS = ("upscale", "restore", "stylize")  # verbs on files, of which one may fail alone
_SHORT = {"-n": "--n", "-o": "--out", "--batch-size": "--batch"}
_TRAIN_SHORT = {
    "--from": "--transfer.source",
    "--freeze": "--transfer.freeze",
    "--scale": "--translate.scale",
    "--target": "--translate.target",
    "--method": "--translate.method",
    "--degradation": "--translate.degradation",
}
_COUNTS = ("--images", "--finetune")  # which are also understood as 20k or 2M


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 or 143 stopped after saving.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json, words = _take_flag(words, "--json")
    show_traceback, words = _take_flag(words, "--traceback")
    if words[:1] in (["train"], ["resume"]):
        # Crops take many small matrix products beside PyTorch's: with threads of their own each
        # takes six times as long and the training waits. NumPy reads this when it is imported.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return _run(words, as_json)
    except BrokenPipeError:  # the reader of our output went away (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except SystemExit as end:  # of the parser, which has said on stderr what is wrong
        code = end.code if isinstance(end.code, int) else 2
        if code and as_json:
            _print_json({"error": "Wrong usage; stderr says what.", "exit_code": code})
        return code
    except (Exception, KeyboardInterrupt) as error:
        if show_traceback:
            traceback.print_exc()
        code, message = _explain(error)
        print(f"elegan: {message}", file=sys.stderr)
        if as_json:
            _print_json({"error": message, "exit_code": code})
        return code


def _explain(error: BaseException) -> tuple[int, str]:
    """Returns the exit code and the message of whatever ended a command."""
    if isinstance(error, EleganError):
        return error.exit_code, str(error)
    if isinstance(error, KeyboardInterrupt):
        return 130, "interrupted. Whatever was saved stays."
    return 1, (
        f"unexpected {type(error).__name__}: {error}\n"
        "Run the same command with --traceback to see where."
    )


def _run(words: list[str], as_json: bool) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        return _say(_overview(), {}, as_json)
    if words[0] in ("-V", "--version"):
        return _say(f"elegan {VERSION}", {}, as_json)
    if words[0] == "--completion":
        return _say(completion(), {}, as_json)
    verb, rest = words[0], words[1:]
    if verb not in options.VERBS:
        raise UsageError(
            f"Unknown verb '{verb}'.{did_you_mean(verb, options.VERBS)} See elegan --help."
        )
    rest = [_SHORT.get(name, name) + value for name, value in map(_split_flag, rest)]
    if verb == "train":
        return _train(rest, as_json)
    kind = options.VERBS[verb]
    if {"-h", "--help", "--help-all"} & set(rest):
        return _say(help_text(verb, kind), {}, as_json)
    values = _parse(verb, kind, _pairs(_counted(rest)))
    inputs = values.pop("inputs", None) if verb in PHOTOS else None
    if "SHELL_OUT" in vars(kind) and values["out"] is None:
        values["out"] = kind.SHELL_OUT
    asked = kind(**values)
    check_limits(asked)
    from elegan import api

    if inputs is not None:
        return _photos(asked, inputs, as_json)
    found = api.RUN[kind](asked)
    return _say(found.text(), found.to_dict(), as_json)


def _photos(asked: Any, inputs: list[str], as_json: bool) -> int:
    """Works on photos with progress on stderr; Ctrl-C ends after the file's current tile."""
    from elegan import api
    from elegan.applications.photos.pipes import piped
    from elegan.applications.photos.progress import Progress
    from elegan.common.interruption import InterruptedRun, Interruption

    with piped(inputs, asked.out, as_json) as (named, out, send):
        with Interruption() as interruption, Progress(interruption, sys.stderr) as progress:
            work = dataclasses.replace(asked, watch=progress, out=out)
            found = api.RUN[type(asked)](work, named)
        if send and not found.stopped:
            send(found)
            return int(found.counts["failed"] > 0)
    if found.stopped:
        raise InterruptedRun(
            f"{found.text()}\nStopped; whatever is finished stays."
            " The same command goes on from there.",
            interruption.signal_number or 2,
        )
    return _say(found.text(), found.to_dict(), as_json) or int(found.counts["failed"] > 0)


def _train(words: list[str], as_json: bool) -> int:
    """Parses the settings over the defaults of the preset or the settings file that is named."""
    preset, words = _take_value(words, "--preset")
    file, words = _take_value(words, "--settings")
    task, words = _take_value(words, "--task")
    rate, words = _take_value(words, "--lr")
    dry_run, words = _take_flag(words, "--dry-run")
    words = [_TRAIN_SHORT.get(name, name) + rest for name, rest in map(_split_flag, words)]
    method, _ = _take_value(words, "--translate.method")
    if file and preset:
        raise UsageError("Give --preset or --settings, not both.")
    preset = preset or preset_for(task, method)
    default = from_json(Path(file)) if file else preset_settings(preset, "")
    if task:
        default = dataclasses.replace(default, task=task)
    if {"-h", "--help", "--help-all"} & set(words):
        return _say(help_text("train", default, every="--help-all" in words), {}, as_json)
    if any(word.split("=")[0] in ("--images", "--epochs", "--minutes") for word in words):
        default = dataclasses.replace(default, images=None, epochs=None, minutes=None)
    if rate is not None:
        words += ["--optimizer.generator-rate", rate, "--optimizer.discriminator-rate", rate]
    if file and (not words or words[0].startswith("-")):
        words = [default.data, *words]  # the file names the data, unless the command does
    import tyro

    shell = dataclasses.make_dataclass(
        "Train",
        [("data", _named(str, "data"), dataclasses.field())],
        bases=(TrainSettings,),
        kw_only=True,
        frozen=True,
    )
    values = {field.name: getattr(default, field.name) for field in dataclasses.fields(default)}
    settings = tyro.cli(
        shell,
        prog="elegan train",
        default=shell(**{**values, "data": tyro.MISSING}),
        args=_counted(words),
        config=(tyro.conf.PositionalRequiredArgs,),
    )
    settings = TrainSettings(**{name: getattr(settings, name) for name in values})
    from elegan import api

    found = api.plan_with(settings) if dry_run else api.train_with(settings)
    return _say(found.text(), found.to_dict(), as_json)


# --- words ------------------------------------------------------------------------------------


def _parse(verb: str, kind: type, words: list[str]) -> dict[str, Any]:
    """Returns the values of a verb's options; of a verb on photos `inputs` too."""
    import tyro

    types = options.types_of(kind)
    given = [
        (
            field.name,
            tyro.conf.Positional[types[field.name]]
            if _may_stand_alone(field)
            else types[field.name],
            dataclasses.field(**_default(field)),
        )
        for field in dataclasses.fields(kind)
        if field.name in types
    ]
    if verb in PHOTOS:
        given.insert(0, ("inputs", list[str], dataclasses.field()))
    required = [(name, _named(hint, name)) for name, hint, item in given if _is_required(item)]
    optional = [item for item in given if not _is_required(item[2])]
    shell = dataclasses.make_dataclass(kind.__name__, [*required, *optional])
    parsed = tyro.cli(
        shell, prog=f"elegan {verb}", args=words, config=(tyro.conf.PositionalRequiredArgs,)
    )
    return dict(vars(parsed))


def _named(hint: Any, name: str) -> Any:
    """The type of what stands by its place, which a message calls MODEL and not STR."""
    import tyro

    return Annotated[hint, tyro.conf.arg(metavar=name.upper())]


def _default(field: Any) -> dict[str, Any]:
    if field.default is not dataclasses.MISSING:
        return {"default": field.default}
    if field.default_factory is not dataclasses.MISSING:
        return {"default_factory": field.default_factory}
    return {}


def _is_required(field: Any) -> bool:
    return not _default(field)


def _may_stand_alone(field: Any) -> bool:
    """Whether a value may be given by its place and left out; a model that may be has a flag."""
    return not field.kw_only and not _is_required(field) and field.name != "model"


def _split_flag(word: str) -> tuple[str, str]:
    """Parts `--flag=value` into ("--flag", "=value"); any other word stays whole."""
    name, equals, value = word.partition("=")
    return (name, equals + value) if word.startswith("--") else (word, "")


def _counted(words: list[str]) -> list[str]:
    """Writes 20k and 2M out."""
    words = [part for word in words for part in _parted(word)]
    if words and words[-1] in _COUNTS:
        raise UsageError(f"{words[-1]} needs a value.")
    return [
        str(parse_count(word)) if before in _COUNTS else word
        for before, word in zip(["", *words], words, strict=False)
    ]


def _parted(word: str) -> list[str]:
    name, _, value = word.partition("=")
    return [name, value] if name in _COUNTS and value else [word]


def _pairs(words: list[str]) -> list[str]:
    """Gathers every `--attribute NAME=VALUE` behind one flag."""
    pairs, rest = [], list(words)
    while "--attribute" in rest or any(word.startswith("--attribute=") for word in rest):
        pair, rest = _take_value(rest, "--attribute", first=True)
        name, equals, value = (pair or "").partition("=")
        if not (name and equals and value):
            raise UsageError(f"--attribute '{pair}' is not understood. Type NAME=VALUE: hair=pink.")
        pairs += [name, value]
    return [*rest, "--attribute", *pairs] if pairs else rest


def _take_flag(words: list[str], flag: str) -> tuple[bool, list[str]]:
    return flag in words, [word for word in words if word != flag]


def _take_value(
    words: list[str], flag: str, *, first: bool = False
) -> tuple[str | None, list[str]]:
    """Takes `--flag VALUE` or `--flag=VALUE` out of the words."""
    for index, word in enumerate(words):
        if word == flag:
            if index + 1 == len(words):
                raise UsageError(f"{flag} needs a value.")
            return words[index + 1], words[:index] + words[index + 2 :]
        if word.startswith(flag + "="):
            return word[len(flag) + 1 :], words[:index] + words[index + 1 :]
    return None, words


# --- what is said -----------------------------------------------------------------------------


def _say(text: str, values: Mapping[str, Any], as_json: bool) -> int:
    print(text, file=sys.stderr if as_json else sys.stdout, flush=True)
    if as_json:
        _print_json(values)
    return 0


def _print_json(values: Mapping[str, Any]) -> None:
    # JSON has no NaN: its name keeps the output valid and the fault visible.
    plain = json.loads(json.dumps(values), parse_constant=str)
    print(json.dumps(plain, ensure_ascii=False), flush=True)


def _overview() -> str:
    lines = [
        f"  {name:<12}{(kind.__doc__ or '').splitlines()[0]}"
        for name, kind in options.VERBS.items()
    ]
    return (
        "elegan trains generative adversarial networks on the machine you have.\n\n"
        "Usage: elegan VERB ...      elegan VERB --help shows a verb's flags\n\n"
        + "\n".join(lines)
        + "\n\nEvery verb takes --json (one JSON object on stdout, whatever happens) and"
        " --traceback.\n"
        "Begin with: elegan train mnist-5k --minutes 5"
    )


def help_text(verb: str, kind: Any, *, every: bool = False) -> str:
    """Returns the help of a verb: a line or two for each option.

    Args:
        kind: its options, or settings whose values are the defaults.
        every: also the settings within groups, and all that is said of each.
    """
    width = min(shutil.get_terminal_size().columns, 100)
    head = kind if isinstance(kind, type) else options.Train
    rows = list(_rows(kind, every=every))
    if verb in PHOTOS:
        rows.insert(0, ("INPUT...", 'Image files, folders, patterns such as "photos/*.jpg".'))
    places = " ".join(name for name, _ in rows if not name.startswith("-"))
    lines = [f"Usage: elegan {verb} {places} [OPTIONS]".replace("  ", " "), ""]
    lines += [*textwrap.wrap((head.__doc__ or "").splitlines()[0], width), ""]
    if verb == "train" and not every:
        rows += [
            ("--from MODEL", "Begin with the weights of a trained model."),
            ("--dry-run", "Show what would be done, and how long it would take."),
            ("--settings FILE", "Read a settings.json."),
            ("--help-all", "Show every setting, of losses, networks, optimizers and so on."),
        ]
    for name, text in rows:
        wrapped = textwrap.wrap(text, width - 26) or [""]
        beside = len(name) < 23
        lines.append(f"  {name:<24}{wrapped[0]}" if beside else f"  {name}")
        lines += [" " * 26 + line for line in wrapped[beside:]]
    return "\n".join(lines)


def _rows(kind: Any, prefix: str = "", *, every: bool) -> Iterator[tuple[str, str]]:
    """Yields (flag or place, what it does) of each option."""
    cls = kind if isinstance(kind, type) else type(kind)
    texts, types = options.help_of(cls), options.types_of(cls)
    own = inspect.get_annotations(cls)  # what a verb has alone comes before what many share
    for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in own):
        if field.name not in types:
            continue
        value = getattr(kind, field.name, None) if kind is not cls else field.default
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            if every:
                yield from _rows(value, f"{prefix}{field.name}.", every=every)
            continue
        if cls is TrainSettings and not every and field.name not in options.FIRST_OF_TRAIN:
            continue
        text = " ".join(texts[field.name].split())
        required = not _default(field)
        if required or (not prefix and kind is cls and _may_stand_alone(field)):
            place = field.name.upper() if field.name != "inputs" else "INPUT..."
            yield (place if required else f"[{place}]"), text
            continue
        if not every and ". " in text:
            text = text[: text.index(". ") + 1]
        if isinstance(value, tuple):
            value = " ".join(map(str, value))
        if value not in (None, "", dataclasses.MISSING) and not isinstance(value, bool):
            text = f"{text.rstrip('.')} ({value})." if text else f"({value})"
        flag = f"--{prefix}{field.name}".replace("_", "-")
        short = {"out": "-o, ", "n": "-n, "}.get(field.name, "") if not prefix else ""
        yield f"{short}{flag} {_metavar(field.name, types[field.name])}".rstrip(), text


def _metavar(name: str, hint: Any) -> str:
    if get_origin(hint) is Annotated:
        return _metavar(name, get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return _metavar(name, next(kind for kind in get_args(hint) if kind is not type(None)))
    if get_origin(hint) is Literal:
        return "|".join(str(kind) for kind in get_args(hint))
    if get_origin(hint) is tuple:
        first, *rest = get_args(hint)
        return "NAME..." if first is str else " ".join("N" for _ in (first, *rest))
    if get_origin(hint) is dict:
        return "NAME=VALUE"
    return {bool: "", int: "N", float: "N"}.get(hint, name.upper().replace("_", "-"))


def completion() -> str:
    """Returns what bash (and zsh, after `bashcompinit`) completes commands by."""
    cases = []
    for verb, kind in options.VERBS.items():
        flags = [
            name
            for name, _ in _rows(TrainSettings(data="") if verb == "train" else kind, every=True)
        ]
        names = sorted(
            {word for row in flags for word in row.replace(",", " ").split() if word[:2] == "--"}
        )
        cases.append(f"    {verb}) words='{' '.join(names)} --json --help' ;;")
    return "\n".join(
        [
            "_elegan() {",
            '  local current="${COMP_WORDS[COMP_CWORD]}" words',
            "  case ${COMP_WORDS[1]} in",
            *cases,
            "  esac",
            f"  [ $COMP_CWORD -eq 1 ] && words='{' '.join(options.VERBS)} --help --version'",
            "  if [[ $COMP_CWORD -eq 1 || $current == -* ]]; then",
            '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
            '  else COMPREPLY=($(compgen -f -- "$current")); fi',
            "}",
            "complete -o filenames -F _elegan elegan",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
