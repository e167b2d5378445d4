// The panel beside the volume: mode, histogram with opacity curve and surface value, cuts, slices.
// Joined to volume.js by volume.py.

const MODES = { volume: "Volume", mip: "Maximum", iso: "Surface", slices: "Slices" };
const INK = "#1a1a1a";
const BARS_INK = "#b9c3ce";
const MOST_POINTS = 12;
const NEAREST = 0.004; // least distance of two points of the curve
const THINNEST = 0.02; // slab that cutting leaves

class Panel {
  constructor(page, model, state, flat) {
    Object.assign(this, { page, model, state, flat, frame: null });
    const { id, side } = page;
    this.modes = Object.entries(MODES).map(([mode, words]) => {
      const input = make("input", { type: "radio", name: `${id}-mode`, value: mode });
      input.addEventListener("change", () => state.set({ mode }));
      return make("label", {}, input, make("span", {}, words));
    });
    const modes = make("div", { className: "em-volume-modes", role: "radiogroup" }, ...this.modes);
    modes.setAttribute("aria-label", "How to show the volume");
    side.append(modes, this.buildPlot(), this.buildBar(), this.buildCuts());
  }

  get view() {
    return this.state.view;
  }

  // ---- histogram, curve and surface value ----

  buildPlot() {
    this.canvas = make("canvas", { "aria-hidden": "true" });
    this.plot = make("div", { className: "em-volume-plot", role: "group" }, this.canvas);
    this.plot.setAttribute("aria-label", "Histogram of the values");
    this.points = [];
    this.line = this.handle("em-volume-line", {
      move: ([value]) => this.state.set({ iso: value }),
      step: (right, up) => this.state.set({ iso: clamp(this.view.iso + 0.01 * (right || up), 0, 1) }),
    });
    this.plot.addEventListener("dblclick", (event) => {
      if (event.target === this.canvas && this.view.mode === "volume") this.add(this.spot(event));
    });
    this.plot.addEventListener("contextmenu", (event) => event.preventDefault());
    // The line is thin: anywhere in the plot takes hold of it.
    this.canvas.addEventListener("pointerdown", (event) => {
      if (this.view.mode !== "iso" || event.button !== 0) return;
      this.line.focus();
      this.line.emGrab(event);
    });
    return this.plot;
  }

  // Something in the plot that is dragged or moved by keys.
  handle(className, { move, step, remove }) {
    const made = make("div", { className, tabIndex: 0, role: "slider" });
    const drag = (event) => move(this.spot(event));
    made.emGrab = (event) => {
      made.setPointerCapture(event.pointerId);
      made.addEventListener("pointermove", drag);
      drag(event);
    };
    made.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      made.focus();
      made.emGrab(event);
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      made.addEventListener(end, () => made.removeEventListener("pointermove", drag));
    }
    made.addEventListener("contextmenu", () => remove?.());
    made.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.key in by) step(...by[event.key]);
      else if (remove && ["Delete", "Backspace"].includes(event.key)) remove();
      else if (remove && event.key === "Insert") this.add(null);
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    this.plot.append(made);
    return made;
  }

  // Room in the plot, in px; and where a pointer is, as value and opacity.
  room() {
    const f = parseFloat(getComputedStyle(this.plot).fontSize) || TEXT;
    const [width, height] = [this.plot.clientWidth, this.plot.clientHeight];
    const [left, top] = [0.7 * f, 0.6 * f];
    return { f, width, height, left, top, w: width - 1.4 * f, h: height - top - 2.2 * f };
  }

  spot(event) {
    const { left, top, w, h } = this.room();
    const bounds = this.plot.getBoundingClientRect();
    return [
      clamp((event.clientX - bounds.left - left) / w, 0, 1),
      clamp(1 - (event.clientY - bounds.top - top) / h, 0, 1),
    ];
  }

  put(index, [value, opacity]) {
    const points = this.view.opacity.map((point) => [...point]);
    const low = index > 0 ? points[index - 1][0] + NEAREST : 0;
    const high = index < points.length - 1 ? points[index + 1][0] - NEAREST : 1;
    points[index] = [clamp(value, low, Math.max(low, high)), clamp(opacity, 0, 1)];
    this.state.set({ opacity: points });
  }

  // A new point: where the pointer is, or in the middle of the widest gap.
  add(spot) {
    const { opacity } = this.view;
    if (opacity.length >= MOST_POINTS) return;
    let point = spot;
    if (!point) {
      const gaps = opacity.slice(1).map(([value], k) => value - opacity[k][0]);
      const k = gaps.indexOf(Math.max(...gaps));
      point = [0, 1].map((part) => (opacity[k][part] + opacity[k + 1][part]) / 2);
    }
    const points = [...opacity.map((one) => [...one]), point].sort((a, b) => a[0] - b[0]);
    this.state.set({ opacity: points });
    this.points[points.indexOf(point)]?.focus();
  }

  remove(index) {
    if (this.view.opacity.length <= 2) return;
    this.state.set({ opacity: this.view.opacity.filter((_, k) => k !== index) });
    this.points[Math.max(0, index - 1)].focus();
  }

  showPlot() {
    const { view } = this;
    const curve = view.mode === "volume";
    while (this.points.length < view.opacity.length) {
      const index = this.points.length;
      this.points.push(this.handle("em-volume-point", {
        move: (spot) => this.put(index, spot),
        step: (right, up) => {
          const [value, opacity] = this.view.opacity[index];
          this.put(index, [value + 0.01 * right, opacity + 0.02 * up]);
        },
        remove: () => this.remove(index),
      }));
    }
    while (this.points.length > view.opacity.length) this.points.pop().remove();
    const { left, top, w, h } = this.room();
    this.points.forEach((point, k) => {
      const [value, opacity] = view.opacity[k];
      point.hidden = !curve;
      point.style.transform = `translate(${left + value * w}px, ${top + (1 - opacity) * h}px)`;
      const name = `Opacity, point ${k + 1} of ${view.opacity.length}`;
      const words = `${Math.round(100 * opacity)} % at ${this.value(value)}`;
      tell(point, name, value, words);
    });
    this.line.hidden = view.mode !== "iso";
    this.line.style.transform = `translate(${left + view.iso * w}px, ${top}px)`;
    this.line.style.height = `${h}px`;
    tell(this.line, "Value of the surface", view.iso, this.value(view.iso));
  }

  value(share) {
    return this.frame ? valueText(this.frame, share) : share.toFixed(2);
  }

  draw(frame = this.frame) {
    this.frame = frame;
    const { f, width, height, left, top, w, h } = this.room();
    if (width < 20) return;
    this.showPlot();
    const ratio = window.devicePixelRatio || 1;
    fitCanvas(this.canvas, width * ratio, height * ratio);
    const pen = this.canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    const foot = top + h;
    const x = (value) => left + value * w;
    if (frame) {
      const most = Math.log1p(Math.max(...frame.counts));
      const wide = Math.max(w / 255 + 0.5, 0.2 * f); // a lone value must be seen, too
      const bar = (v) => (Math.log1p(frame.counts[v]) / most) * 0.96 * h;
      for (let v = 0; v < 256; v++) {
        const kept = this.view.mode !== "iso" || v / 255 >= this.view.iso;
        pen.fillStyle = kept ? BARS_INK : "#e3e8ed";
        const from = clamp(x(v / 255) - wide / 2, left, left + w - wide);
        pen.fillRect(from, foot - bar(v), wide, bar(v));
      }
    }
    if (this.view.mode === "volume") {
      const curve = opacities(this.view.opacity);
      pen.strokeStyle = INK;
      pen.lineWidth = 0.13 * f;
      pen.lineJoin = "round";
      pen.beginPath();
      curve.forEach((o, v) => pen.lineTo(x(v / 255), top + (1 - o) * h));
      pen.stroke();
    }
    const colours = this.model.get("tables")[this.view.table];
    for (let v = 0; v < 256; v++) {
      const [r, g, b] = [0, 1, 2].map((c) => colours.getUint8(3 * v + c));
      pen.fillStyle = `rgb(${r},${g},${b})`;
      pen.fillRect(x((v - 0.5) / 255), foot + 2, w / 255 + 0.5, 0.5 * f);
    }
    pen.strokeStyle = INK;
    pen.lineWidth = 1;
    pen.strokeRect(x(0) - 0.5, top - 0.5, w + 1, h + 0.5 * f + 3);
    this.drawWords(pen, x, foot + 1.35 * f, f);
  }

  drawWords(pen, x, y, f) {
    if (!this.frame) return;
    pen.font = `${f}px ${FONT}`;
    pen.fillStyle = INK;
    pen.textBaseline = "middle";
    const ends = [0, 1].map((end) => valueText(this.frame, end));
    const sizes = ends.map((words) => pen.measureText(words).width);
    pen.textAlign = "left";
    pen.fillText(ends[0], x(0), y);
    pen.textAlign = "right";
    pen.fillText(ends[1], x(1), y);
    pen.textAlign = "center";
    const { mode, iso } = this.view;
    const words = mode === "iso" ? valueText(this.frame, iso) : this.model.get("quantity");
    const half = pen.measureText(words).width / 2;
    const [low, high] = [x(0) + sizes[0] + 0.6 * f + half, x(1) - sizes[1] - 0.6 * f - half];
    if (low <= high) pen.fillText(words, clamp(x(mode === "iso" ? iso : 0.5), low, high), y);
  }

  // ---- colours and buttons ----

  buildBar() {
    this.table = make("select", { "aria-label": "Colours" });
    for (const [value, words] of [["grey", "grey"], ["dose", "colour"]]) {
      this.table.append(make("option", { value }, words));
    }
    this.table.addEventListener("change", () => this.state.set({ table: this.table.value }));
    const button = (words, title, action) => {
      const made = make("button", { type: "button", title }, words);
      made.addEventListener("click", action);
      return made;
    };
    const fit = () => this.model.send({ kind: "fit" });
    this.large = button("Large type", "Double the text, for the projector", () => {
      this.model.send({ kind: "large", on: !(this.model.get("scale") > 1) });
    });
    const reset = () => {
      const clip = Object.fromEntries(AXES.map((axis) => [axis, [0, 1]]));
      const slices = { ...this.view.slices, x: 0.5, y: 0.5, z: 0.5 };
      this.state.set({ camera: structuredClone(this.model.get("home")), clip, slices });
      fit();
    };
    return make("div", { className: "em-volume-bar" }, this.table,
      button("Fit", "Curve and surface where the histogram suggests", fit),
      button("Reset", "Camera, cuts, slices and curve as at the opening", reset), this.large);
  }

  // ---- cuts and slices ----

  buildCuts() {
    this.withSlices = make("input", { type: "checkbox" });
    this.withSlices.addEventListener("change", () => {
      this.state.set({ slices: { ...this.view.slices, shown: this.withSlices.checked } });
    });
    this.sliceLabel = make("label", { className: "em-volume-check" }, this.withSlices, "slices");
    this.ranges = {};
    const rows = AXES.flatMap((axis) => {
      const slider = (name) => make("input", {
        type: "range", min: 0, max: 1, step: 0.005, "aria-label": name,
      });
      const [low, high] = [slider(`Keep ${axis} from`), slider(`Keep ${axis} to`)];
      const slice = slider(`Slice at ${axis}`);
      low.addEventListener("input", () => this.keep(axis, 0, Number(low.value)));
      high.addEventListener("input", () => this.keep(axis, 1, Number(high.value)));
      slice.addEventListener("input", () => {
        this.state.set({ slices: { ...this.view.slices, [axis]: Number(slice.value) } });
      });
      this.ranges[axis] = { low, high, slice };
      return [
        make("span", { className: "em-volume-axis", "aria-hidden": "true" }, axis),
        make("div", { className: "em-volume-dual" }, low, high),
        make("div", { className: "em-volume-single" }, slice),
      ];
    });
    const heads = [make("span"), make("span", {}, "keep"), this.sliceLabel];
    return make("div", { className: "em-volume-cuts" }, ...heads, ...rows);
  }

  keep(axis, end, value) {
    const range = [...this.view.clip[axis]];
    range[end] = end ? Math.max(value, range[0] + THINNEST) : Math.min(value, range[1] - THINNEST);
    this.state.set({ clip: { ...this.view.clip, [axis]: range } });
  }

  // Put the view into the controls.
  show() {
    const { view } = this;
    for (const label of this.modes) {
      const [input] = label.children;
      input.checked = input.value === view.mode;
    }
    this.table.value = view.table;
    this.large.setAttribute("aria-pressed", this.model.get("scale") > 1);
    const only = view.mode === "slices" || (this.flat && view.mode !== "mip");
    const sliced = view.slices.shown || only;
    this.withSlices.checked = sliced;
    this.withSlices.disabled = only;
    for (const axis of AXES) {
      const { low, high, slice } = this.ranges[axis];
      const [from, to] = view.clip[axis];
      [low.value, high.value, slice.value] = [from, to, view.slices[axis]];
      slice.disabled = !sliced;
      low.parentElement.style.setProperty("--from", from);
      low.parentElement.style.setProperty("--to", to);
      const words = (share) => (this.frame ? lengthText(this.frame, axis, share) : share.toFixed(2));
      low.setAttribute("aria-valuetext", words(from));
      high.setAttribute("aria-valuetext", words(to));
      slice.setAttribute("aria-valuetext", words(view.slices[axis]));
      low.title = high.title = `${axis} from ${words(from)} to ${words(to)} is kept`;
      slice.title = `slice at ${axis} = ${words(view.slices[axis])}`;
    }
    this.showPlot();
  }
}

function tell(handle, name, value, words) {
  handle.setAttribute("aria-label", name);
  handle.setAttribute("aria-valuemin", 0);
  handle.setAttribute("aria-valuemax", 1);
  handle.setAttribute("aria-valuenow", value.toFixed(3));
  handle.setAttribute("aria-valuetext", words);
  handle.title = `${name}: ${words}`;
}
