// Draws the plane of points: the discriminator's field, the generator's grid, points and arrows.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function rgb(name) {
  const value = parseInt(colour(name).slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

const mix = (a, b, share) => a.map((value, i) => value + (b[i] - value) * share);

/** Returns the place between two pictures: points, grid and arrows move in straight lines. */
export function between(a, b, share) {
  const points = (from, to) => (from?.length === to?.length ? to.map((place, i) => (typeof place[0] === "number" ? mix(from[i], place, share) : points(from[i], place))) : to);
  return { ...b, made: points(a.made, b.made), grid: points(a.grid, b.grid) };
}

function drawField(context, field, size) {
  const cells = field.length, width = size / (cells - 1);
  const small = new OffscreenCanvas(cells, cells), pen = small.getContext("2d"), pixels = pen.createImageData(cells, cells);
  const [none, real, made] = [rgb("--panel"), rgb("--s1"), rgb("--s2")];
  field.forEach((row, i) => row.forEach((p, j) => {
    const sure = 0.75 * Math.abs(2 * p - 1) ** 0.7; // small leanings are to be seen too
    pixels.data.set([...mix(none, p > 0.5 ? real : made, sure), 255], 4 * ((cells - 1 - i) * cells + j));
  }));
  pen.putImageData(pixels, 0, 0);
  context.imageSmoothingQuality = "high";
  context.drawImage(small, -width / 2, -width / 2, size + width, size + width);
}

/** The line where the discriminator is undecided, by marching squares. */
function drawBoundary(context, field, size, unit) {
  const width = size / (field.length - 1), top = field.length - 1;
  context.beginPath();
  for (let i = 0; i < top; i++) for (let j = 0; j < top; j++) {
    const corners = [[j, i], [j + 1, i], [j + 1, i + 1], [j, i + 1]], values = corners.map(([x, y]) => field[y][x] - 0.5);
    const crossings = corners.flatMap((a, k) => {
      const b = corners[(k + 1) % 4], [from, to] = [values[k], values[(k + 1) % 4]];
      return from > 0 === to > 0 ? [] : [mix(a, b, from / (from - to))];
    });
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      context.moveTo(crossings[k][0] * width, (top - crossings[k][1]) * width);
      context.lineTo(crossings[k + 1][0] * width, (top - crossings[k + 1][1]) * width);
    }
  }
  context.strokeStyle = colour("--text");
  context.lineWidth = 1.4 * unit;
  context.globalAlpha = 0.75;
  context.stroke();
  context.globalAlpha = 1;
}

/** Each cell holds the same share of the noise: the smaller it became, the denser its points. */
function drawGrid(context, grid, at, unit) {
  const tone = colour("--s4");
  context.fillStyle = context.strokeStyle = tone;
  context.lineWidth = 0.6 * unit;
  for (let i = 0; i + 1 < grid.length; i++) for (let j = 0; j + 1 < grid.length; j++) {
    const corners = [grid[i][j], grid[i][j + 1], grid[i + 1][j + 1], grid[i + 1][j]];
    const area = Math.abs(corners.reduce((sum, [x, y], k) => { const [a, b] = corners[(k + 1) % 4]; return sum + x * b - a * y; }, 0)) / 2;
    context.beginPath();
    corners.forEach((corner, k) => context[k ? "lineTo" : "moveTo"](...at(corner)));
    context.closePath();
    context.globalAlpha = Math.min(0.45, 0.002 / (area + 0.002));
    context.fill();
    context.globalAlpha = 0.55;
    context.stroke();
  }
  context.globalAlpha = 1;
}

function drawDots(context, places, at, unit, tone, square) {
  context.fillStyle = tone;
  context.strokeStyle = colour("--panel");
  context.lineWidth = 0.6 * unit;
  for (const place of places) {
    const [x, y] = at(place);
    context.beginPath();
    if (square) context.rect(x - 2.1 * unit, y - 2.1 * unit, 4.2 * unit, 4.2 * unit);
    else context.arc(x, y, 2.5 * unit, 0, 7);
    context.fill();
    context.stroke();
  }
}

function drawArrows(context, arrows, made, at, unit) {
  context.strokeStyle = colour("--text");
  context.lineWidth = 1.2 * unit;
  context.beginPath();
  arrows.forEach(([dx, dy], i) => {
    const length = Math.hypot(dx, dy);
    if (length < 5e-3 || !made[i]) return;
    const reach = (0.24 * Math.tanh(length)) / length; // long ones are cut, so that all can be seen
    const [x, y] = made[i], [x1, y1] = at([x, y]), [x2, y2] = at([x + dx * reach, y + dy * reach]);
    const turn = Math.atan2(y2 - y1, x2 - x1), tip = Math.min(5 * unit, Math.hypot(x2 - x1, y2 - y1) / 2);
    context.moveTo(x1, y1);
    context.lineTo(x2, y2);
    for (const way of [2.6, -2.6]) {
      context.moveTo(x2, y2);
      context.lineTo(x2 + tip * Math.cos(turn + way), y2 + tip * Math.sin(turn + way));
    }
  });
  context.stroke();
}

/** Draws `picture` (of /api/teach) on a square canvas from -side to side; `shown` names layers. */
export function drawPlane(canvas, picture, shown, side) {
  const size = Math.max(240, Math.round(canvas.clientWidth * Math.min(2, devicePixelRatio || 1)));
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = canvas.getContext("2d"), unit = size / 520;
  const at = ([x, y]) => [((x + side) / (2 * side)) * size, ((side - y) / (2 * side)) * size];
  context.fillStyle = colour("--panel");
  context.fillRect(0, 0, size, size);
  const { field, grid, real, made, arrows } = picture;
  if (shown.field && field) drawField(context, field, size);
  if (shown.boundary && field) drawBoundary(context, field, size, unit);
  if (shown.grid && grid) drawGrid(context, grid, at, unit);
  if (shown.real && real) drawDots(context, real, at, unit, colour("--s1"), true);
  if (shown.made && made) drawDots(context, made, at, unit, colour("--s2"), false);
  if (shown.arrows && arrows && made) drawArrows(context, arrows, made, at, unit);
}
