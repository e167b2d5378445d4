// The one canvas that all explorers draw on.
//
// The kernel sends a frame: a list of panels in words and numbers, and one block of bytes holding
// the images (uint8) and the lines (float32). Ticks, limits and colours are decided in Python; here
// is only the drawing, the clicking and the keys. After each drawing the page says "drawn", and
// only then does the kernel send the next frame.

const FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const TEXT = 15; // px at normal size: 11 points, and 9 for an exponent
const INK = "#1a1a1a";
const GRID = "#e4e4e4";
const BARS = 170; // px of a window that JupyterLab and the cell keep for themselves
const FAR = 20; // in widths and heights of the plot
const MOST_PLATE = 0.16; // of the picture's width: the label of a scale bar inside it
const DASHES = { solid: [], dashed: [7, 4], dotted: [2, 3], dashdot: [8, 3, 2, 3], none: [] };

function render({ model, el }) {
  el.classList.add("em-canvas");
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "img");
  const spoken = document.createElement("div");
  spoken.className = "em-spoken";
  spoken.setAttribute("aria-live", "polite");
  el.append(canvas, spoken);

  let boxes = []; // where each panel was drawn, for the pointer
  let active = 0; // panel that the keys act on
  let speaking = 0;
  const room = {};

  function draw() {
    const width = el.clientWidth;
    if (width < 40) return; // hidden: drawn when it gets a size
    nameSliders(el.closest(".em-explorer"));
    watchOthers();
    const scale = model.get("scale");
    boxes = drawFrame(canvas, model.get("frame"), model.get("tables"), {
      width,
      scale,
      besides: heightBesides(el, scale > 1),
      room,
      active: canvas.matches(":focus-visible") ? active : -1,
    });
  }

  function onFrame() {
    const frame = model.get("frame");
    const words = frame.description || "";
    draw();
    canvas.setAttribute("aria-label", words);
    canvas.dataset.frame = frame.number;
    model.send({ kind: "drawn", number: frame.number });
    picker.next();
    // Read aloud what was reached, not every step on the way.
    clearTimeout(speaking);
    speaking = setTimeout(() => {
      if (canvas.matches(":focus-within, :focus")) spoken.textContent = words;
    }, 800);
  }

  const picker = pickerOf((message) => model.send(message));

  function pickAt(event) {
    const bounds = canvas.getBoundingClientRect();
    const x = event.clientX - bounds.left;
    const y = event.clientY - bounds.top;
    const at = boxes.findIndex((box) => inside(box, x, y));
    if (at < 0) return;
    active = at;
    picker.send(pickMessage(boxes[at], x, y));
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    pickAt(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) pickAt(event);
    const bounds = canvas.getBoundingClientRect();
    const over = boxes.find((box) =>
      inside(box, event.clientX - bounds.left, event.clientY - bounds.top)
    );
    canvas.style.cursor = over && pickable(over.panel) >= 0 ? "crosshair" : "default";
  });

  // Left and right walk along the curve, up and down change the panel.
  canvas.addEventListener("keydown", (event) => {
    const turn = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 }[event.key];
    const end = { Home: 0, End: Infinity }[event.key];
    if (turn === undefined && step === undefined && end === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    const choices = boxes.map((box, i) => i).filter((i) => pickable(boxes[i].panel) >= 0);
    if (!choices.length) return;
    if (!choices.includes(active)) active = choices[0];
    if (turn !== undefined) {
      const at = choices.indexOf(active) + turn;
      active = choices[(at + choices.length) % choices.length];
      draw();
      return;
    }
    const panel = boxes[active].panel;
    const line = panel.lines[pickable(panel)];
    const wanted = end === undefined ? line.picked + step : end;
    const index = Math.min(Math.max(wanted, 0), line.points - 1);
    line.picked = index; // so that a held key moves on before the kernel answers
    picker.send(pointMessage(boxes[active], pickable(panel), index));
  });
  canvas.addEventListener("focus", draw);
  canvas.addEventListener("blur", draw);

  const sizes = new ResizeObserver(draw);
  sizes.observe(el);
  let watched = false;
  // The parts beside the canvas are there once it is on the page; "more" may open, a line may wrap.
  function watchOthers() {
    if (watched) return;
    const others = partsBeside(el);
    others.forEach((part) => sizes.observe(part));
    watched = others.length > 0;
  }
  model.on("change:frame", onFrame);
  model.on("change:scale", draw);
  onFrame();
  return () => {
    sizes.disconnect();
    clearTimeout(speaking);
    model.off("change:frame", onFrame);
    model.off("change:scale", draw);
  };
}

function partsBeside(el) {
  const parts = [...(el.closest(".em-explorer")?.children || [])];
  return parts.filter((part) => !part.contains(el));
}

// What the explorer needs beside the canvas. At a desk "more" counts as closed: opening it must not
// move the rest. A hall cannot scroll: there the canvas makes room for it.
function heightBesides(el, hall) {
  let height = 0;
  for (const part of partsBeside(el)) {
    const lid = hall ? null : part.querySelector(".jupyter-widget-Collapse-header");
    height += lid ? lid.offsetHeight : part.offsetHeight;
  }
  return height;
}

// The sliders beside the canvas show their name but do not tell it to screen readers.
function nameSliders(explorer) {
  for (const slider of explorer?.querySelectorAll(".widget-slider") || []) {
    const handle = slider.querySelector("[role=slider]");
    const label = slider.querySelector(".widget-label");
    const readout = slider.querySelector(".widget-readout");
    if (!handle || !label || handle.hasAttribute("aria-label")) continue;
    handle.setAttribute("aria-label", label.textContent);
    if (!readout) continue;
    readout.id ||= `em-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
    handle.setAttribute("aria-describedby", readout.id);
  }
}

// A dragged pointer reports much faster than a kernel can draw: one question at a time, and of
// those that come meanwhile only the last.
function pickerOf(send) {
  let asked = -Infinity;
  let waiting = null;
  let retry = 0;
  function go(message) {
    waiting = null;
    asked = performance.now();
    send(message);
  }
  return {
    send(message) {
      clearTimeout(retry);
      const left = asked + 500 - performance.now();
      if (left <= 0) return go(message);
      waiting = message;
      retry = setTimeout(() => waiting && go(waiting), left);
    },
    next() {
      asked = -Infinity;
      if (waiting) go(waiting);
    },
  };
}

function pickable(panel) {
  return panel.kind === "lines" ? panel.lines.findIndex((line) => line.pick) : -1;
}

function inside(box, x, y) {
  return x >= box.x && x <= box.x + box.w && y >= box.y && y <= box.y + box.h;
}

function pickMessage(box, x, y) {
  const line = pickable(box.panel);
  const message = { kind: "pick", panel: box.panel.name, line, index: -1 };
  if (box.panel.kind === "image") {
    message.x = ((x - box.x) / box.w) * box.panel.columns - 0.5;
    message.y = ((y - box.y) / box.h) * box.panel.rows - 0.5;
    return message;
  }
  message.x = toData(box.panel.x, (x - box.x) / box.w);
  message.y = toData(box.panel.y, 1 - (y - box.y) / box.h);
  if (line < 0) return message;
  const [px, py] = pixels(box, box.panel.lines[line]);
  let best = Infinity;
  for (let i = 0; i < px.length; i++) {
    const distance = (px[i] - x) ** 2 + (py[i] - y) ** 2;
    if (distance < best) {
      best = distance;
      message.index = i;
    }
  }
  return message;
}

function pointMessage(box, line, index) {
  const { xs, ys } = box.panel.lines[line];
  const message = { kind: "pick", panel: box.panel.name, line, index };
  return { ...message, x: xs[index], y: ys[index] };
}

// ---- drawing ----

// `room` remembers how many title lines a row has needed at this size: a title that grows by a line
// under a moving slider must not make the whole page jump.
function drawFrame(canvas, frame, tables, { width, scale, active, besides, room }) {
  const ratio = window.devicePixelRatio || 1;
  const f = TEXT * scale;
  const pen = canvas.getContext("2d");
  const panels = frame.panels || [];
  for (const panel of panels) attachPoints(panel, frame.data);

  // Fewer columns when the text would no longer fit.
  const fitting = Math.max(1, Math.floor(width / (15.5 * f)));
  const columns = Math.max(1, Math.min(frame.columns || 3, panels.length, fitting));
  const gap = 1.4 * f;
  const edge = 3; // so that lines at the very edge keep their full width
  const panelWidth = (width - 2 * edge - gap * (columns - 1)) / columns;

  const rows = [];
  for (let start = 0; start < panels.length; start += columns) {
    const members = panels.slice(start, start + columns).map((panel) => head(pen, panel, panelWidth, f));
    const key = `${width} ${scale} ${start}`;
    room[key] = Math.max(room[key] || 0, ...members.map((member) => member.height));
    const bare = panels.slice(start, start + columns).every((p) => p.kind === "lines" && !p.x.label);
    rows.push({ start, members, headHeight: room[key], foot: (bare ? 2 : 3.5) * f });
  }
  // As tall as leaves controls and panels on one screen together.
  const words = rows.reduce((sum, row) => sum + row.headHeight + row.foot + f, 0);
  const free = (window.innerHeight - BARS - besides - words) / Math.max(rows.length, 1);
  const plotHeight = Math.max(Math.min(0.66 * panelWidth, free), 4 * f);
  let y = 0.3 * f;
  for (const row of rows) {
    row.y = y;
    y += row.headHeight + plotHeight + row.foot + f;
  }
  const height = Math.max(y - 0.5 * f, 1);

  const deviceWidth = Math.round(width * ratio);
  const deviceHeight = Math.round(height * ratio);
  if (canvas.width !== deviceWidth) canvas.width = deviceWidth;
  if (canvas.height !== deviceHeight) canvas.height = deviceHeight;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, width, height);

  const boxes = [];
  for (const { start, members, headHeight, foot, y: top } of rows) {
    members.forEach((member, i) => {
      const panel = panels[start + i];
      // A picture takes the room that its neighbours' legends leave above it, if that is worth it.
      const spare = panel.kind === "image" ? headHeight - member.height : 0;
      const grown = spare > 2 * f ? spare : 0;
      const space = {
        x: edge + i * (panelWidth + gap),
        y: top + headHeight - grown,
        w: panelWidth,
        h: plotHeight + grown,
        foot,
        f,
        scale,
        ratio,
      };
      drawHead(pen, member, space, top, headHeight);
      const box =
        panel.kind === "image"
          ? drawImage(pen, panel, space, frame.data, tables)
          : drawLines(pen, panel, space);
      boxes.push({ ...box, panel });
      if (start + i === active) {
        pen.strokeStyle = "#0050b0";
        pen.lineWidth = 2;
        pen.setLineDash([4, 3]);
        pen.strokeRect(box.x - 3, box.y - 3, box.w + 6, box.h + 6);
        pen.setLineDash([]);
      }
    });
  }
  return boxes;
}

// Looks at the floats of each line where they lie in the block of bytes.
function attachPoints(panel, data) {
  if (panel.kind !== "lines") return;
  for (const line of panel.lines) {
    if (line.xs) continue;
    const bytes = data.buffer.slice(
      data.byteOffset + line.offset,
      data.byteOffset + line.offset + 8 * line.points
    );
    line.xs = new Float32Array(bytes, 0, line.points);
    line.ys = new Float32Array(bytes, 4 * line.points, line.points);
  }
}

// Title and legend above the plot: wrapped first, because the tallest decides for the whole row.
function head(pen, panel, width, f) {
  pen.font = `600 ${1.05 * f}px ${FONT}`;
  const title = wrap(pen, panel.title, width);
  pen.font = `${f}px ${FONT}`;
  const keys = panel.kind === "lines" ? [...panel.lines, ...panel.rules].filter((k) => k.label) : [];
  const legend = [];
  let x = Infinity;
  for (const key of keys) {
    const needed = 2.6 * f + pen.measureText(key.label).width;
    if (x + needed > width) {
      legend.push([]);
      x = 0;
    }
    legend[legend.length - 1].push({ key, x });
    x += needed + 1.1 * f;
  }
  const height = title.length * 1.35 * f + 0.35 * f + legend.length * 1.4 * f + 0.5 * f;
  return { title, legend, height };
}

function wrap(pen, text, width) {
  const lines = [];
  for (const word of text.split(" ")) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && pen.measureText(longer).width <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function drawHead(pen, { title, legend }, { x, f, scale }, top, headHeight) {
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillStyle = INK;
  pen.font = `600 ${1.05 * f}px ${FONT}`;
  title.forEach((line, i) => pen.fillText(line, x, top + (i + 0.6) * 1.35 * f));
  pen.font = `${f}px ${FONT}`;
  legend.forEach((row, i) => {
    // The legend sits right above the plot, so that titles of unequal length do not move it.
    const y = top + headHeight - 0.5 * f - (legend.length - i - 0.5) * 1.4 * f;
    for (const { key, x: shift } of row) {
      stroke(pen, key, scale);
      const from = x + shift;
      pen.beginPath();
      if (key.axis === "x") {
        pen.moveTo(from + f, y - 0.6 * f);
        pen.lineTo(from + f, y + 0.6 * f);
      } else {
        pen.moveTo(from, y);
        pen.lineTo(from + 2 * f, y);
      }
      if (key.style !== "none") pen.stroke();
      pen.setLineDash([]);
      if (key.marker) mark(pen, key.marker, from + f, y, key.size * scale);
      pen.fillStyle = INK;
      pen.fillText(key.label, from + 2.4 * f, y);
    }
  });
}

function drawLines(pen, panel, { x, y, w, h, f, scale }) {
  pen.font = `${f}px ${FONT}`;
  const yTicks = panel.y.ticks.map(([value, label]) => ({ value, label, w: widthOf(pen, label, f) }));
  const xTicks = panel.x.ticks.map(([value, label]) => ({ value, label, w: widthOf(pen, label, f) }));
  const left = (panel.y.label ? 1.6 * f : 0) + Math.max(0, ...yTicks.map((t) => t.w)) + 0.6 * f;
  const right = Math.max(0.6 * f, 0.5 * (xTicks.length ? xTicks[xTicks.length - 1].w : 0) + 2);
  const box = { x: x + left, y, w: w - left - right, h, panel };
  const atX = (value) => box.x + fraction(panel.x, value) * box.w;
  const atY = (value) => box.y + (1 - fraction(panel.y, value)) * box.h;

  // Where a band lies: the panel's limits have cut it already.
  const spans = panel.bands.map((band) => {
    if (band.axis === "y") {
      const top = atY(band.high);
      return { ...band, x: box.x, y: top, w: box.w, h: atY(band.low) - top };
    }
    const from = atX(band.low);
    return { ...band, x: from, y: box.y, w: atX(band.high) - from, h: box.h };
  });
  for (const span of spans.filter((one) => one.fill)) {
    pen.fillStyle = span.fill;
    pen.fillRect(span.x, span.y, span.w, span.h);
  }

  pen.lineWidth = 1;
  pen.strokeStyle = GRID;
  pen.beginPath();
  for (const { value } of xTicks) line(pen, atX(value), box.y, atX(value), box.y + h);
  for (const { value } of yTicks) line(pen, box.x, atY(value), box.x + box.w, atY(value));
  pen.stroke();

  pen.save();
  pen.beginPath();
  pen.rect(box.x, box.y, box.w, box.h);
  pen.clip();
  for (const rule of panel.rules) {
    stroke(pen, rule, scale);
    pen.beginPath();
    if (rule.axis === "x") line(pen, atX(rule.at), box.y, atX(rule.at), box.y + h);
    else line(pen, box.x, atY(rule.at), box.x + box.w, atY(rule.at));
    pen.stroke();
  }
  for (const curve of panel.lines) drawCurve(pen, curve, pixels(box, curve), scale);
  pen.setLineDash([]);
  for (const span of spans.filter((one) => one.label)) nameBand(pen, span, box, f);
  pen.restore();

  pen.setLineDash([]);
  pen.strokeStyle = INK;
  pen.lineWidth = 1.2;
  pen.beginPath();
  line(pen, box.x, box.y, box.x, box.y + h);
  line(pen, box.x, box.y + h, box.x + box.w, box.y + h);
  pen.stroke();

  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  for (const tick of thin(xTicks, (t) => atX(t.value), (t) => t.w + 0.7 * f)) {
    raised(pen, tick.label, atX(tick.value) - tick.w / 2, box.y + h + 0.9 * f, f);
  }
  for (const tick of thin(yTicks, (t) => atY(t.value), () => 1.35 * f)) {
    raised(pen, tick.label, box.x - 0.5 * f - tick.w, atY(tick.value), f);
  }
  pen.textAlign = "center";
  pen.fillText(panel.x.label, box.x + box.w / 2, box.y + h + 2.35 * f);
  sideways(pen, panel.y.label, x + 0.7 * f, box.y + h / 2, h + f);
  return box;
}

// The name of a band on a plate of its colour, so that curves below it do not hurt. A band that is
// thinner than its name keeps it in its middle.
function nameBand(pen, { axis, label, fill, ...span }, box, f) {
  const width = pen.measureText(label).width + 0.6 * f;
  const lying = axis === "y";
  const middle = lying ? span.y + span.h / 2 : span.y + f;
  const y = Math.min(Math.max(middle, box.y + 0.8 * f), box.y + box.h - 0.8 * f);
  const wanted = lying ? box.x + box.w - width - 0.3 * f : span.x + (span.w - width) / 2;
  const x = Math.min(Math.max(wanted, box.x), box.x + box.w - width);
  pen.globalAlpha = 0.85;
  pen.fillStyle = fill || "#ffffff";
  pen.fillRect(x, y - 0.7 * f, width, 1.4 * f);
  pen.globalAlpha = 1;
  pen.fillStyle = INK;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillText(label, x + 0.3 * f, y);
}

function drawCurve(pen, curve, [px, py], scale) {
  stroke(pen, curve, scale);
  if (curve.style !== "none") {
    let down = false;
    pen.lineJoin = "round";
    pen.beginPath();
    for (let i = 0; i < px.length; i++) {
      const here = Number.isFinite(px[i]) && Number.isFinite(py[i]);
      if (here && down) pen.lineTo(px[i], py[i]);
      else if (here) pen.moveTo(px[i], py[i]);
      down = here;
    }
    pen.stroke();
  }
  pen.setLineDash([]);
  if (!curve.marker) return;
  for (let i = 0; i < px.length; i++) {
    if (Number.isFinite(px[i]) && Number.isFinite(py[i])) {
      mark(pen, curve.marker, px[i], py[i], curve.size * scale);
    }
  }
}

function drawImage(pen, panel, { x, y, w, h, foot, f, ratio }, data, tables) {
  pen.font = `${f}px ${FONT}`;
  const left = panel.yLabel ? 1.6 * f : 0;
  const below = panel.xLabel ? 1.5 * f : 0.3 * f;
  const barHeight = 0.7 * f;
  const room = { w: w - left, h: h + foot - below - barHeight - 1.5 * f - (panel.unit ? 1.3 * f : 0) };
  let zoom = Math.min(room.w / panel.columns, room.h / panel.rows);
  // Whole screen pixels per image pixel, as long as that does not cost much size.
  if (zoom * ratio >= 4) zoom = Math.floor(zoom * ratio) / ratio;
  const box = { w: panel.columns * zoom, h: panel.rows * zoom, panel };
  box.x = snap(x + left + (room.w - box.w) / 2, ratio);
  box.y = snap(y, ratio);

  const colours = tables[panel.table];
  pen.imageSmoothingEnabled = false;
  pen.drawImage(coloured(panel, data, colours), box.x, box.y, box.w, box.h);
  pen.setLineDash([]);
  pen.strokeStyle = INK;
  pen.lineWidth = 1;
  pen.strokeRect(box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1);

  pen.fillStyle = INK;
  pen.textBaseline = "middle";
  pen.textAlign = "center";
  const plate = panel.bar ? pen.measureText(panel.bar.label).width : 0;
  const aside = Boolean(panel.xLabel) && plate > MOST_PLATE * box.w;
  const words = aside ? `${panel.xLabel}, bar ${panel.bar.label}` : panel.xLabel;
  if (panel.xLabel) pen.fillText(words, box.x + box.w / 2, box.y + box.h + 0.9 * f);
  sideways(pen, panel.yLabel, box.x - 0.9 * f, box.y + box.h / 2);
  if (panel.bar) drawScaleBar(pen, panel.bar, box, zoom, f, aside);

  const strip = { x: x + left + 0.1 * room.w, y: box.y + box.h + below + 0.3 * f, w: 0.8 * room.w };
  const ramp = pen.createLinearGradient(strip.x, 0, strip.x + strip.w, 0);
  for (let i = 0; i <= 16; i++) {
    const at = 3 * Math.min(Math.round((i / 16) * 255), 255);
    const [r, g, b] = [0, 1, 2].map((c) => colours.getUint8(at + c));
    ramp.addColorStop(i / 16, `rgb(${r},${g},${b})`);
  }
  pen.fillStyle = ramp;
  pen.fillRect(strip.x, strip.y, strip.w, barHeight);
  pen.strokeRect(strip.x, strip.y, strip.w, barHeight);
  pen.fillStyle = INK;
  const under = strip.y + barHeight + 0.85 * f;
  pen.fillText(panel.window[0], strip.x, under);
  pen.fillText(panel.window[1], strip.x + strip.w, under);
  if (panel.unit) pen.fillText(panel.unit, strip.x + strip.w / 2, under + 1.2 * f);
  return box;
}

// In large type on a small picture the plate would hide what it measures: then only the bar stands in
// the corner, and its length under the picture.
function drawScaleBar(pen, bar, box, zoom, f, alone) {
  const length = bar.pixels * zoom;
  const x = box.x + (alone ? 0.3 : 0.6) * f;
  const y = box.y + box.h - (alone ? 0.6 : 0.9) * f;
  if (alone) {
    pen.fillStyle = INK;
    pen.fillRect(x - 2, y - 2, length + 4, 0.3 * f + 4);
    pen.fillStyle = "#ffffff";
    pen.fillRect(x, y, length, 0.3 * f);
    pen.fillStyle = INK;
    return;
  }
  const text = pen.measureText(bar.label).width;
  pen.fillStyle = "rgba(255,255,255,0.85)";
  pen.fillRect(x - 0.3 * f, y - 1.5 * f, Math.max(length, text) + 0.6 * f, 2.1 * f);
  pen.fillStyle = INK;
  pen.fillRect(x, y, length, 0.3 * f);
  pen.textAlign = "left";
  pen.fillText(bar.label, x, y - 0.75 * f);
  pen.textAlign = "center";
}

// The image at its own size, one colour per value; kept with the panel for redraws.
function coloured(panel, data, colours) {
  if (panel.picture) return panel.picture;
  const { rows, columns, offset } = panel;
  const picture = document.createElement("canvas");
  picture.width = columns;
  picture.height = rows;
  const pen = picture.getContext("2d");
  const image = pen.createImageData(columns, rows);
  for (let i = 0; i < rows * columns; i++) {
    const at = 3 * data.getUint8(offset + i);
    image.data[4 * i] = colours.getUint8(at);
    image.data[4 * i + 1] = colours.getUint8(at + 1);
    image.data[4 * i + 2] = colours.getUint8(at + 2);
    image.data[4 * i + 3] = 255;
  }
  pen.putImageData(image, 0, 0);
  panel.picture = picture;
  return picture;
}

// ---- small helpers ----

// Where a value stands on its axis, 0 at the low end and 1 at the high end.
function fraction({ log, low, high }, value) {
  if (!log) return (value - low) / (high - low);
  return value > 0 ? Math.log(value / low) / Math.log(high / low) : NaN;
}

function toData({ log, low, high }, at) {
  return log ? low * (high / low) ** at : low + at * (high - low);
}

// Points far outside are pulled in: a canvas forgets lines that leave by millions of px, and dashes
// that nobody sees take as long as those one does.
function pixels(box, curve) {
  const near = (at) => Math.min(Math.max(at, -FAR), FAR);
  const { x, y } = box.panel;
  return [
    Array.from(curve.xs, (value) => box.x + near(fraction(x, value)) * box.w),
    Array.from(curve.ys, (value) => box.y + near(1 - fraction(y, value)) * box.h),
  ];
}

function stroke(pen, { colour, style, width }, scale) {
  pen.strokeStyle = colour;
  pen.fillStyle = colour;
  pen.lineWidth = width * Math.sqrt(scale);
  pen.setLineDash(DASHES[style].map((dash) => dash * Math.sqrt(scale)));
}

function mark(pen, name, x, y, size) {
  const r = size / 2;
  const [shape, open] = [name.replace("open ", ""), name.startsWith("open ")];
  pen.beginPath();
  if (shape === "circle") pen.arc(x, y, r, 0, 2 * Math.PI);
  else if (shape === "square") pen.rect(x - r, y - r, size, size);
  else if (shape === "triangle") polygon(pen, [[x, y - r], [x + r, y + r], [x - r, y + r]]);
  else if (shape === "diamond") polygon(pen, [[x, y - r], [x + r, y], [x, y + r], [x - r, y]]);
  else {
    line(pen, x - r, y - r, x + r, y + r);
    line(pen, x - r, y + r, x + r, y - r);
    pen.stroke();
    return;
  }
  if (!open) return pen.fill();
  pen.stroke();
}

function polygon(pen, corners) {
  corners.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.closePath();
}

function line(pen, x0, y0, x1, y1) {
  pen.moveTo(x0, y0);
  pen.lineTo(x1, y1);
}

// Every k-th tick, with the smallest k whose labels do not touch.
function thin(ticks, place, room) {
  for (let k = 1; k < ticks.length; k++) {
    const kept = ticks.filter((tick, i) => i % k === 0);
    const free = kept.every(
      (tick, i) => i === 0 || Math.abs(place(tick) - place(kept[i - 1])) >= room(tick)
    );
    if (free) return kept;
  }
  return ticks.slice(0, 1);
}

// "10^-3" with the exponent raised.
function raised(pen, label, x, y, f) {
  const [base, power] = label.split("^");
  pen.textAlign = "left";
  pen.fillText(base, x, y);
  if (!power) return;
  const after = x + pen.measureText(base).width;
  pen.font = `${0.8 * f}px ${FONT}`;
  pen.fillText(power.replace("-", "−"), after, y - 0.4 * f);
  pen.font = `${f}px ${FONT}`;
}

function widthOf(pen, label, f) {
  const [base, power] = label.split("^");
  const width = pen.measureText(base).width;
  return power ? width + 0.8 * pen.measureText(power.replace("-", "−")).width : width;
}

// Upright text; smaller where there is less room than it needs.
function sideways(pen, text, x, y, room = Infinity) {
  if (!text) return;
  pen.save();
  pen.translate(x, y);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  const fit = Math.min(1, room / pen.measureText(text).width);
  pen.scale(fit, fit);
  pen.fillText(text, 0, 0);
  pen.restore();
}

function snap(value, ratio) {
  return Math.round(value * ratio) / ratio;
}

export default { render };
