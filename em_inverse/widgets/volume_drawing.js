// What is drawn around the volume, and the geometry and words of a view. Joined to volume.js by
// volume.py.

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const BACK = "#0b0e13";
const PALE = "#eef2f6";
const AXES = ["x", "y", "z"];
const MODE_WORDS = {
  volume: "The whole volume, half transparent",
  mip: "The maximum along the line of sight",
  iso: "The surface",
  slices: "Three slices",
};

// Lengths of the edges, the longest being 1: the whole volume's, not those of the bytes sent.
function edgesOf({ shape, voxels }) {
  const [z, x, y] = voxels || shape;
  const most = Math.max(x, y, z);
  return { x: x / most, y: y / most, z: z / most };
}

// The 256 opacities of a curve through points [value, opacity], level beyond its ends.
function opacities(points) {
  const result = new Float64Array(256);
  for (let v = 0; v < 256; v++) {
    const at = v / 255;
    const next = points.findIndex(([value]) => value >= at);
    if (next < 0) result[v] = points[points.length - 1][1];
    else if (next === 0) result[v] = points[0][1];
    else {
      const [[a, low], [b, high]] = [points[next - 1], points[next]];
      result[v] = low + ((high - low) * (at - a)) / Math.max(b - a, 1e-9);
    }
  }
  return result;
}

// Seen without perspective, so that one scale bar holds everywhere. World axes x, y, z are
// right-handed with the beam, z, pointing down the screen; azimuth turns about it.
function eyeOf(camera, edges, [width, height]) {
  const [a, e] = [camera.azimuth_deg, camera.elevation_deg].map((deg) => (deg * Math.PI) / 180);
  const right = [Math.cos(a), Math.sin(a), 0];
  const level = [-Math.sin(a), Math.cos(a), 0];
  const up = [-Math.sin(e) * level[0], -Math.sin(e) * level[1], -Math.cos(e)];
  const into = [-Math.cos(e) * level[0], -Math.cos(e) * level[1], Math.sin(e)];
  const across = Math.hypot(edges.x, edges.y, edges.z);
  const scale = (0.94 * Math.min(width, height) * camera.zoom) / across; // px per world unit
  const [px, py] = camera.pan;
  const middle = right.map((r, k) => px * r + py * up[k]);
  return { right, up, into, middle, scale, half: [width / 2 / scale, height / 2 / scale] };
}

function drawOverlay({ under, over, stage }, frame, view, { title, f }) {
  const [width, height] = [stage.clientWidth, stage.clientHeight];
  const [behind, pen] = [under, over].map((canvas) => {
    const made = canvas.getContext("2d");
    made.setTransform(canvas.width / width, 0, 0, canvas.height / height, 0, 0);
    made.clearRect(0, 0, width, height);
    made.font = `${f}px ${FONT}`;
    made.textBaseline = "middle";
    return made;
  });
  behind.fillStyle = BACK;
  behind.fillRect(0, 0, width, height);
  if (!frame) return label(pen, "waiting for a volume …", width / 2, height / 2, f, "center");

  const eye = eyeOf(view.camera, frame.edges, [width, height]);
  over.emScale = eye.scale;
  const seen = (point) => {
    const away = point.map((v, k) => v - eye.middle[k]);
    return [width / 2 + dot(away, eye.right) * eye.scale, height / 2 - dot(away, eye.up) * eye.scale];
  };
  const place = (shares) => AXES.map((axis, k) => (shares[k] - 0.5) * frame.edges[axis]);
  const whole = AXES.map(() => [0, 1]);
  const kept = AXES.map((axis) => view.clip[axis]);
  const cut = kept.some(([low, high]) => low > 0 || high < 1);
  const thin = Math.max(1, f / 13);
  drawBox([behind, pen], whole, place, seen, eye, cut ? 0.3 : 0.6, thin);
  if (cut) drawBox([behind, pen], kept, place, seen, eye, 0.75, thin);
  drawTriad(pen, eye, height, f);
  drawScaleBar(pen, frame, eye, width, height, f);
  drawTitle(pen, title, f);
}

function drawTitle(pen, title, f) {
  pen.font = `600 ${1.15 * f}px ${FONT}`;
  label(pen, title, 0.9 * f, 1.3 * f, f);
  pen.font = `${f}px ${FONT}`;
}

// Edges that meet in the farthest corner lie behind the volume, dashed; the others before it.
function drawBox([behind, before], ranges, place, seen, eye, strength, width) {
  for (let k = 0; k < 3; k++) {
    const [p, q] = [0, 1, 2].filter((other) => other !== k);
    for (const [i, j] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
      const ends = [0, 1].map((end) => {
        const shares = [0, 0, 0];
        shares[k] = ranges[k][end];
        shares[p] = ranges[p][i];
        shares[q] = ranges[q][j];
        return seen(place(shares));
      });
      const far = (i === 1) === eye.into[p] > 0 && (j === 1) === eye.into[q] > 0;
      stroke(far ? behind : before, ends, far ? 0.8 * strength : strength, width, far);
    }
  }
}

function stroke(pen, points, strength, width, dashed = false) {
  pen.setLineDash(dashed ? [4 * width, 4 * width] : []);
  pen.strokeStyle = PALE;
  pen.globalAlpha = strength;
  pen.lineWidth = width;
  pen.beginPath();
  points.forEach(([x, y], k) => (k ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.stroke();
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

function drawTriad(pen, eye, height, f) {
  const [x0, y0, arm] = [4.2 * f, height - 6.2 * f, 2.7 * f];
  const tips = AXES.map((axis, k) => {
    const [dx, dy] = [arm * eye.right[k], -arm * eye.up[k]];
    return { axis, dx, dy, depth: eye.into[k] };
  });
  const letters = [];
  for (const { axis, dx, dy } of tips.sort((one, other) => other.depth - one.depth)) {
    const length = Math.hypot(dx, dy);
    stroke(pen, [[x0, y0], [x0 + dx, y0 + dy]], 1, 0.17 * f);
    if (length > 0.5 * f) {
      const [ux, uy] = [dx / length, dy / length];
      pen.fillStyle = PALE;
      pen.beginPath();
      pen.moveTo(x0 + dx + 0.45 * f * ux, y0 + dy + 0.45 * f * uy);
      pen.lineTo(x0 + dx - 0.3 * f * uy, y0 + dy + 0.3 * f * ux);
      pen.lineTo(x0 + dx + 0.3 * f * uy, y0 + dy - 0.3 * f * ux);
      pen.fill();
    }
    // An axis that points at the reader keeps its letter beside the origin.
    const out = length > 0.5 * f ? [dx / length, dy / length] : [-0.75, -0.75];
    letters.push([axis, x0 + dx + 1.05 * f * out[0], y0 + dy + 1.05 * f * out[1]]);
  }
  spread(letters, f);
  pen.font = `600 ${1.1 * f}px ${FONT}`;
  for (const [axis, x, y] of letters) label(pen, axis, x, y, f, "center");
  pen.font = `${f}px ${FONT}`;
  label(pen, "y: tilt axis   z: beam", 0.9 * f, height - 1.1 * f, f);
}

// Push letters apart that would lie on each other.
function spread(letters, f) {
  for (let round = 0; round < 8; round++) {
    for (const one of letters) {
      for (const other of letters) {
        const [dx, dy] = [one[1] - other[1], one[2] - other[2]];
        const apart = Math.hypot(dx, dy);
        if (one === other || apart >= 1.1 * f) continue;
        const push = (1.1 * f - apart) / 2 / Math.max(apart, 1e-3);
        one[1] += dx * push + (apart < 1e-3 ? 0.3 * f : 0);
        one[2] += dy * push;
        other[1] -= dx * push;
        other[2] -= dy * push;
      }
    }
  }
}

function drawScaleBar(pen, frame, eye, width, height, f) {
  const nm = frame.pixel_size_nm;
  const edge = Math.max(...(frame.voxels || frame.shape)) * (nm || 1); // of one world unit
  const most = (0.22 * Math.min(width, 1.3 * height) * edge) / eye.scale;
  const decade = 10 ** Math.floor(Math.log10(most));
  const length = [5, 2, 1].map((m) => m * decade).find((l) => l <= most) || decade;
  const bar = (length / edge) * eye.scale;
  const words = `${Number(length.toPrecision(2))} ${nm ? "nm" : "voxels"}`;
  const wide = Math.max(bar, pen.measureText(words).width);
  const [x, y] = [width - 0.9 * f - wide / 2, height - 1.2 * f];
  pen.fillStyle = BACK;
  pen.globalAlpha = 0.7;
  pen.fillRect(x - bar / 2 - 2, y - 2, bar + 4, 0.28 * f + 4);
  pen.globalAlpha = 1;
  pen.fillStyle = PALE;
  pen.fillRect(x - bar / 2, y, bar, 0.28 * f);
  label(pen, words, x, y - 0.9 * f, f, "center");
}

// Light words with a dark rim: legible on vacuum and on a bright object.
function label(pen, words, x, y, f, align = "left") {
  pen.textAlign = align;
  pen.lineJoin = "round";
  pen.lineWidth = 0.3 * f;
  pen.strokeStyle = BACK;
  pen.strokeText(words, x, y);
  pen.fillStyle = PALE;
  pen.fillText(words, x, y);
}

// Without WebGL 2: three slices, or three maxima, side by side from the same bytes.
function drawFlat(canvas, frame, view, { title, f }) {
  const pen = canvas.getContext("2d");
  const ratio = canvas.width / Math.max(canvas.clientWidth, 1);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = BACK;
  pen.fillRect(0, 0, width, height);
  pen.font = `${f}px ${FONT}`;
  pen.textBaseline = "middle";
  const colours = frame.tables[view.table];
  const maxima = view.mode === "mip";
  const { edges } = frame;
  const panels = [["z", "x", "y"], ["y", "x", "z"], ["z", "y", "x"]]; // down, across, along
  const gap = 2.2 * f;
  const top = (title ? 4.4 : 2.4) * f;
  const across = panels.reduce((sum, [, right]) => sum + edges[right], 0);
  const tallest = Math.max(edges.z, edges.y);
  const zoom = Math.min((width - 4 * gap) / across, (height - top - 3.4 * f) / tallest);
  let x = (width - across * zoom - 2 * gap) / 2;
  for (const [down, right, along] of panels) {
    const picture = flatPicture(frame, view, down, right, along, maxima, colours);
    const [w, h] = [edges[right] * zoom, edges[down] * zoom];
    pen.imageSmoothingEnabled = false;
    pen.drawImage(picture, x, top, w, h);
    stroke(pen, [[x, top], [x + w, top], [x + w, top + h], [x, top + h], [x, top]], 0.6, 1);
    const at = lengthText(frame, along, view.slices[along]);
    const words = maxima ? `max. along ${along}` : `${along} = ${at}`;
    label(pen, words, x + w / 2, top - 0.9 * f, f, "center");
    label(pen, `${right} →`, x + w / 2, top + h + 0.9 * f, f, "center");
    label(pen, `${down} ↓`, x - 1.1 * f, top + h / 2, f, "center");
    x += w + gap;
  }
  label(pen, "y: tilt axis   z: beam", 0.9 * f, height - 1.1 * f, f);
  drawTitle(pen, title, f);
}

function flatPicture({ values, shape }, view, down, right, along, maxima, colours) {
  const size = { z: shape[0], x: shape[1], y: shape[2] };
  const stride = { z: shape[1] * shape[2], x: shape[2], y: 1 };
  const [rows, columns, deep] = [size[down], size[right], size[along]];
  const picture = make("canvas", { width: columns, height: rows });
  const pen = picture.getContext("2d");
  const image = pen.createImageData(columns, rows);
  const [low, high] = maxima ? view.clip[along] : [view.slices[along], view.slices[along]];
  const first = Math.min(Math.floor(low * deep), deep - 1);
  const last = maxima ? Math.max(Math.ceil(high * deep) - 1, first) : first;
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++, at += 4) {
      let value = 0;
      const start = i * stride[down] + j * stride[right];
      for (let k = first; k <= last; k++) value = Math.max(value, values[start + k * stride[along]]);
      for (let c = 0; c < 3; c++) image.data[at + c] = colours.getUint8(3 * value + c);
      image.data[at + 3] = 255;
    }
  }
  pen.putImageData(image, 0, 0);
  return picture;
}

function describe(frame, view) {
  if (!frame) return "No volume is shown yet.";
  const { camera } = view;
  const words = [`${MODE_WORDS[view.mode]}${view.mode === "iso" ? ` at ${valueText(frame, view.iso)}` : ""}`];
  if (view.slices.shown && view.mode !== "slices") words.push("with three slices");
  words.push(`seen from azimuth ${Math.round(camera.azimuth_deg)}°, elevation ${Math.round(camera.elevation_deg)}°`);
  const cuts = AXES.filter((axis) => view.clip[axis][0] > 0 || view.clip[axis][1] < 1);
  if (cuts.length) words.push(`cut along ${cuts.join(", ")}`);
  return `${words.join(", ")}. ${frame.description}`;
}

// A share of the window as a value, and a share of an edge as a length.
function valueText({ window: [low, high] }, share) {
  const value = low + share * (high - low);
  const small = Math.abs(value) < 1e-3 * Math.max(Math.abs(low), Math.abs(high));
  return (small ? "0" : String(Number(value.toPrecision(3)))).replace("-", "−");
}

function lengthText(frame, axis, share) {
  const voxels = (frame.voxels || frame.shape)[{ z: 0, x: 1, y: 2 }[axis]];
  const nm = frame.pixel_size_nm;
  return nm ? `${Number((share * voxels * nm).toPrecision(3))} nm` : String(Math.round(share * voxels));
}

// ---- small helpers ----

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && name !== "role") made[name] = value;
    else made.setAttribute(name, value);
  }
  // JupyterLab's own keys (arrows walk through the notebook, 0 0 restarts a kernel) match whatever
  // has the focus; they must not be heard while one steers a camera or a slider.
  const keyed = "tabIndex" in properties || ["input", "select", "button"].includes(tag);
  if (keyed) made.setAttribute("data-lm-suppress-shortcuts", "true");
  made.append(...children);
  return made;
}

function fitCanvas(canvas, width, height) {
  if (canvas.width !== Math.round(width)) canvas.width = Math.round(width);
  if (canvas.height !== Math.round(height)) canvas.height = Math.round(height);
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function wrapped(degrees) {
  return ((((degrees + 180) % 360) + 360) % 360) - 180;
}

function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

function unit(a) {
  const length = Math.hypot(...a);
  return a.map((v) => v / length);
}
