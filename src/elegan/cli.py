"""The command line: parses a verb's flags, calls one function, prints its answer."""

import dataclasses
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elegan.common.errors import EleganError, UsageError, did_you_mean
from elegan.settings import from_json, parse_count, preset_for, preset_settings
from elegan.verbs import VERBS, Answer


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit code: 0 done, 1 failed, 2 wrong usage, 130 or 143 stopped after saving.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json, words = _take_flag(words, "--json")
    show_traceback, words = _take_flag(words, "--traceback")
    try:
        answer = _run(words)
        _print(answer, as_json)
        return answer.exit_code
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


def _print(answer: Answer, as_json: bool) -> None:
    print(answer.text, file=sys.stderr if as_json else sys.stdout, flush=True)
    if as_json:
        _print_json(answer.facts)


def _print_json(facts: Mapping[str, Any]) -> None:
    # JSON has no NaN: its name keeps the output valid and the fault visible.
    plain = json.loads(json.dumps(facts), parse_constant=str)
    print(json.dumps(plain, ensure_ascii=False), flush=True)


def _run(words: list[str]) -> Answer:
    if not words or words[0] in ("-h", "--help", "help"):
        return Answer(_overview())
    if words[0] in ("-V", "--version"):
        from elegan import __version__

        return Answer(f"elegan {__version__}")
    verb, rest = words[0], words[1:]
    if verb not in VERBS:
        raise UsageError(f"Unknown verb '{verb}'.{did_you_mean(verb, VERBS)} See elegan --help.")
    if verb == "train":
        return _train(rest)
    if verb == "list" and not rest:
        rest = ["presets"]
    import tyro

    return tyro.cli(
        VERBS[verb],
        prog=f"elegan {verb}",
        args=["--n" if word == "-n" else word for word in rest],
        config=(tyro.conf.PositionalRequiredArgs,),
    )


def _overview() -> str:
    lines = [f"  {name:<12}{(verb.__doc__ or '').splitlines()[0]}" for name, verb in VERBS.items()]
    return (
        "elegan trains generative adversarial networks on the machine you have.\n\n"
        "Usage: elegan VERB ...      elegan VERB --help shows a verb's flags\n\n"
        + "\n".join(lines)
        + "\n\nEvery verb takes --json (one JSON object on stdout, whatever happens) and"
        " --traceback.\n"
        "Begin with: elegan train mnist-5k --minutes 5"
    )


_SHORT = {
    "--from": "--transfer.source",
    "--freeze": "--transfer.freeze",
    "--scale": "--translate.scale",
    "--target": "--translate.target",
    "--method": "--translate.method",
    "--degradation": "--translate.degradation",
}


def _split_flag(word: str) -> tuple[str, str]:
    """Parts `--flag=value` into ("--flag", "=value"); any other word stays whole."""
    name, equals, value = word.partition("=")
    return (name, equals + value) if word.startswith("--") else (word, "")


def _train(words: list[str]) -> Answer:
    """Parses the settings over the defaults of the preset or the settings file that is named."""
    import tyro

    preset, words = _take_value(words, "--preset")
    file, words = _take_value(words, "--settings")
    images, words = _take_value(words, "--images")
    task, words = _take_value(words, "--task")
    dry_run, words = _take_flag(words, "--dry-run")
    words = [_SHORT.get(name, name) + rest for name, rest in map(_split_flag, words)]
    method, _ = _take_value(words, "--translate.method")
    if file and preset:
        raise UsageError("Give --preset or --settings, not both.")
    preset = preset or preset_for(task, method)
    default = from_json(Path(file)) if file else preset_settings(preset, "")
    if task:
        default = dataclasses.replace(default, task=task)
    if images or any(word.split("=")[0] in ("--epochs", "--minutes") for word in words):
        default = dataclasses.replace(default, images=None, epochs=None, minutes=None)
    if images:
        words += ["--images", str(parse_count(images))]
    if file and (not words or words[0].startswith("-")):
        words = [default.data, *words]  # the file names the data, unless the command does
    settings = tyro.cli(
        type(default),
        prog="elegan train",
        description="Train a model; the same command again resumes where it stopped."
        " Also: --dry-run shows what would be done, --settings FILE reads a settings.json, --from"
        " MODEL and --freeze D:3 are short for the transfer settings.",
        default=dataclasses.replace(default, data=tyro.MISSING),
        args=words,
        config=(tyro.conf.PositionalRequiredArgs,),
    )
    return VERBS["train"](settings, dry_run=dry_run)


def _take_flag(words: list[str], flag: str) -> tuple[bool, list[str]]:
    return flag in words, [word for word in words if word != flag]


def _take_value(words: list[str], flag: str) -> tuple[str | None, list[str]]:
    """Takes `--flag VALUE` or `--flag=VALUE` out of the words."""
    for index, word in enumerate(words):
        if word == flag:
            if index + 1 == len(words):
                raise UsageError(f"{flag} needs a value.")
            return words[index + 1], words[:index] + words[index + 2 :]
        if word.startswith(flag + "="):
            return word.removeprefix(flag + "="), words[:index] + words[index + 1 :]
    return None, words


if __name__ == "__main__":
    sys.exit(main())
