// A volume in the page: ray casting in WebGL 2, with a panel to say how.
//
// The kernel sends a volume as bytes (uint8, axes z, x, y with y running fastest) and a view: camera,
// mode, opacity, cuts. Everything between a drag and the picture happens here; the kernel only hears
// about the new view. Pictures are made coarsely while something moves, as coarsely as the machine
// needs to keep up, and at full quality once it rests. After each drawing the page says "drawn", and
// only then does the kernel send the next volume.

const TEXT = 15; // px at normal size
const BARS = 170; // px of a window that JupyterLab and the cell keep for themselves

// From best to coarsest: share of the screen's pixels along an edge, and voxels per step of a ray.
const QUALITIES = [[1, 0.6], [1, 1], [0.7, 1], [0.5, 1.2], [0.4, 1.6], [0.3, 2], [0.22, 2.6]];
const BUDGET = 70; // ms for a picture while something moves
const BAND = 40; // ms for a piece of the full picture: what a drag or a new volume may have to wait
const REST = 300; // ms without change after which the full picture is made
const MOST_PIXELS = 2.4e6;

// ---- the widget ----

function render({ model, el }) {
  const state = new State(model);
  const page = layOut(el, model);
  const painter = new Painter(page, model, state);
  const panel = new Panel(page, model, state, !painter.caster);

  function resize() {
    const width = el.clientWidth;
    if (width < 40) return; // hidden: laid out when it gets a size
    const f = TEXT * model.get("scale");
    page.root.style.fontSize = `${f}px`;
    page.root.classList.toggle("em-large", model.get("scale") > 1);
    const beside = model.get("controls");
    const narrow = width < 44 * f;
    page.root.classList.toggle("em-narrow", narrow);
    page.side.hidden = !beside;
    const stage = page.stage.clientWidth;
    const asked = model.get("height");
    // At least as tall as the panel beside it, at most what the window shows.
    const panelHeight = beside && !narrow ? page.side.scrollHeight : 0;
    const free = window.innerHeight - BARS - page.hint.offsetHeight - page.note.offsetHeight;
    const tall = asked || Math.max(Math.min(Math.max(0.62 * stage, panelHeight), free), 16 * f);
    page.stage.style.height = `${Math.round(tall)}px`;
    painter.resize(f);
    panel.draw();
    panel.show();
  }

  function onFrame() {
    painter.take(model.get("frame"));
    panel.draw(painter.frame);
    panel.show();
  }
  function onView() {
    if (state.adopt()) panel.show();
  }
  const off = state.listen((what) => {
    painter.change();
    if (what === "camera") return;
    panel.draw();
    panel.show();
  });
  const watch = { frame: onFrame, view: onView, scale: resize, controls: resize, height: resize };
  for (const [name, handler] of Object.entries(watch)) model.on(`change:${name}`, handler);
  const sizes = new ResizeObserver(resize);
  sizes.observe(el);
  sizes.observe(page.side);
  const sight = new IntersectionObserver(([entry]) => painter.see(entry.isIntersecting));
  sight.observe(page.stage);
  const steer = steering(page.over, state);

  panel.show();
  resize();
  onFrame();
  return () => {
    sizes.disconnect();
    sight.disconnect();
    for (const [name, handler] of Object.entries(watch)) model.off(`change:${name}`, handler);
    off();
    steer();
    state.dispose();
    painter.dispose();
  };
}

let widgets = 0; // for ids that are unique in the page

function layOut(el, model) {
  const id = `em-volume-${++widgets}`;
  const under = make("canvas", { "aria-hidden": "true" });
  const glass = make("canvas", { className: "em-volume-glass", "aria-hidden": "true" });
  const over = make("canvas", {
    className: "em-volume-over",
    tabIndex: 0,
    role: "application",
    "aria-roledescription": "volume that can be turned",
    "aria-describedby": `${id}-hint`,
  });
  const note = make("div", { className: "em-volume-note", role: "status", hidden: true });
  const stage = make("div", { className: "em-volume-stage" }, under, glass, over);
  const hint = make("div", { className: "em-volume-hint", id: `${id}-hint` },
    "Drag to turn, shift-drag to move, wheel to zoom (after a click), double-click to go back. " +
    "Keys: arrows, + and −, 0.");
  const spoken = make("div", { className: "em-volume-spoken", "aria-live": "polite" });
  const left = make("div", { className: "em-volume-left" }, stage, note, hint);
  const side = make("div", { className: "em-volume-side" });
  const root = make("div", { className: "em-volume", role: "group" }, left, side);
  root.setAttribute("aria-label", model.get("title") || "Volume view");
  el.append(root, spoken);
  return { root, left, stage, under, glass, over, note, hint, side, spoken, id };
}

// The view as this page sees it. The model learns of it a few times a second, not at every move.
class State {
  constructor(model) {
    this.model = model;
    this.view = structuredClone(model.get("view"));
    this.known = model.get("view");
    this.listeners = new Set();
    this.timer = 0;
  }

  listen(handler) {
    this.listeners.add(handler);
    return () => this.listeners.delete(handler);
  }

  // What changed in the kernel, or in another display of the same view, is taken over entry by
  // entry: a camera that is being dragged here must not jump because the surface moved there.
  adopt() {
    const now = this.model.get("view");
    const changed = Object.keys(now).filter((key) =>
      !same(now[key], this.known[key]) && !same(now[key], this.view[key]));
    this.known = now;
    for (const key of changed) this.view[key] = structuredClone(now[key]);
    if (changed.length) this.tell("all");
    return changed.length > 0;
  }

  set(changes, what = "all") {
    Object.assign(this.view, changes);
    this.tell(what);
    if (!this.timer) this.timer = setTimeout(() => this.save(), 120);
  }

  save() {
    this.timer = 0;
    const now = structuredClone(this.view);
    if (same(now, this.known)) return;
    this.known = now;
    this.model.set("view", now);
    this.model.save_changes();
  }

  tell(what) {
    for (const handler of this.listeners) handler(what);
  }

  dispose() {
    clearTimeout(this.timer);
    this.listeners.clear();
  }
}

// Drag, wheel, pinch and keys on the picture.
function steering(over, state) {
  const fingers = new Map();
  let apart = 0;
  const camera = () => state.view.camera;
  const move = (changes) => state.set({ camera: { ...camera(), ...changes } }, "camera");
  const turn = (right, down) => move({
    azimuth_deg: wrapped(camera().azimuth_deg + right),
    elevation_deg: clamp(camera().elevation_deg + down, -90, 90),
  });
  const zoom = (factor) => move({ zoom: clamp(camera().zoom * factor, 0.2, 20) });
  const pan = (right, up) => {
    const [x, y] = camera().pan;
    move({ pan: [clamp(x - right, -4, 4), clamp(y - up, -4, 4)] });
  };
  const perPixel = () => 1 / over.emScale; // world units
  const home = () => state.set({ camera: structuredClone(state.model.get("home")) }, "camera");

  const handlers = {
    pointerdown(event) {
      if (event.button > 1) return;
      over.focus({ preventScroll: true });
      over.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      apart = 0;
      event.preventDefault();
    },
    pointermove(event) {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const [dx, dy] = [event.clientX - before[0], event.clientY - before[1]];
      fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (fingers.size > 1) {
        const [[ax, ay], [bx, by]] = fingers.values();
        const now = Math.hypot(ax - bx, ay - by);
        if (apart > 0) zoom(now / apart);
        apart = now;
        pan((dx / 2) * perPixel(), (-dy / 2) * perPixel());
      } else if (event.shiftKey || event.buttons === 4) {
        pan(dx * perPixel(), -dy * perPixel());
      } else turn(dx * 0.4, dy * 0.4);
    },
    pointerup: (event) => fingers.delete(event.pointerId),
    pointercancel: (event) => fingers.delete(event.pointerId),
    wheel(event) {
      // A page that is scrolled past the view must not get stuck in it.
      if (!event.ctrlKey && document.activeElement !== over) return;
      event.preventDefault();
      zoom(Math.exp(-clamp(event.deltaY * (event.deltaMode ? 20 : 1), -200, 200) * 0.0015));
    },
    dblclick: home,
    keydown(event) {
      const shift = event.shiftKey;
      const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (event.key in step) {
        const [right, down] = step[event.key];
        if (shift) pan(0.05 * right, -0.05 * down);
        else turn(5 * right, 5 * down);
      } else if (event.key === "+" || event.key === "=") zoom(1.15);
      else if (event.key === "-" || event.key === "−") zoom(1 / 1.15);
      else if (event.key === "0") home();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  };
  for (const [name, handler] of Object.entries(handlers)) {
    over.addEventListener(name, handler, { passive: false });
  }
  return () => {
    for (const [name, handler] of Object.entries(handlers)) over.removeEventListener(name, handler);
  };
}

// A full picture costs more a sample for its light, and less for what comes once a picture.
function costKey({ view, fine }) {
  return fine ? `${view.mode}, full` : view.mode;
}

// ---- when to draw, and how well ----

class Painter {
  constructor(page, model, state) {
    Object.assign(this, { page, model, state });
    this.frame = null;
    this.caster = null;
    this.job = null; // what the graphics card is busy with
    this.stale = false; // something changed since the last picture was begun
    this.coarse = false; // the picture shown is not the best one
    this.visible = true;
    this.owed = 0; // number of the frame that the kernel waits for
    this.cost = {}; // ms per million samples, for each mode
    this.f = TEXT;
    this.refine = 0;
    this.asked = 0;
    this.poll = 0;
    this.speaking = 0;
    this.onLost = (event) => {
      event.preventDefault();
      this.stop();
      this.say("The graphics card let go of this picture; it comes back by itself.");
    };
    this.onRestored = () => {
      this.say("");
      this.caster.build();
      this.load();
    };
    this.begin();
  }

  begin() {
    const { glass } = this.page;
    try {
      if (this.model.get("graphics") === "flat") throw new Error("asked for");
      this.caster = new Caster(glass);
    } catch (error) {
      this.caster = null;
      const why = error.message === "asked for" ? "Flat pictures were asked for." :
        `This browser offers no WebGL 2 (${error.message}), so the volume cannot be turned here.`;
      this.say(`${why} Three flat pictures stand in for it.`);
      return;
    }
    glass.addEventListener("webglcontextlost", this.onLost);
    glass.addEventListener("webglcontextrestored", this.onRestored);
  }

  say(words) {
    this.page.note.textContent = words;
    this.page.note.hidden = !words;
    this.page.hint.hidden = !this.caster; // nothing can be turned then
  }

  take(frame) {
    if (!frame || !frame.number) return this.overlay();
    this.owed = frame.number;
    const bytes = (view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    this.frame = {
      ...frame,
      edges: edgesOf(frame),
      tables: this.model.get("tables"),
      values: bytes(frame.data),
      lowest: bytes(frame.lowest),
      highest: bytes(frame.highest),
      counts: new Float32Array(bytes(frame.counts).slice().buffer),
    };
    this.page.root.dataset.voxels = frame.shape.join(" ");
    this.load();
  }

  load() {
    if (this.frame && this.caster) this.caster.upload(this.frame);
    this.fresh = true;
    this.change(true);
  }

  resize(f) {
    this.f = f;
    const { clientWidth: width, clientHeight: height } = this.page.stage;
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.page.under, this.page.over]) {
      fitCanvas(canvas, width * ratio, height * ratio);
    }
    const most = Math.sqrt(MOST_PIXELS / Math.max(width * height, 1));
    const size = [width, height].map((edge) => Math.max(1, Math.round(edge * Math.min(ratio, most))));
    if (!same(size, this.size) && this.caster && !this.caster.lost) {
      this.stop(); // a picture of the old size is of no use
      this.caster.resize(...size);
    }
    this.size = size;
    this.change();
  }

  see(visible) {
    this.visible = visible;
    if (visible && this.stale) this.change();
  }

  // Something else is to be seen: a coarse picture now, a fine one when it rests.
  change(now = false) {
    this.stale = true;
    clearTimeout(this.refine);
    if (!this.frame || !this.size) return this.overlay();
    if (!this.visible || document.hidden || this.page.stage.clientWidth < 40) {
      this.acknowledge(); // nobody looks: the kernel need not wait
      this.waitForSight();
      return;
    }
    this.page.root.dataset.quality = "changing";
    if (this.job && (!this.job.fine || !now)) return; // it looks for changes when it ends
    if (now) return this.start(false);
    if (this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = 0;
      this.start(false);
    });
  }

  waitForSight() {
    if (this.waiting) return;
    this.waiting = () => {
      if (document.hidden) return;
      document.removeEventListener("visibilitychange", this.waiting);
      this.waiting = null;
      if (this.stale) this.change();
    };
    document.addEventListener("visibilitychange", this.waiting);
  }

  start(fine) {
    if (!this.frame || !this.size) return;
    if (!this.caster) return this.drawFlat();
    if (this.caster.lost) return;
    const view = structuredClone(this.state.view);
    const [share, pace] = fine ? QUALITIES[0] : this.affordable(view.mode);
    const [width, height] = this.size.map((edge) => Math.max(1, Math.round(edge * share)));
    this.job = {
      view, fine, width, height, pace, row: 0, number: this.owed,
      fresh: this.fresh,
      hair: Math.max(1.2, (this.f / 12) * (this.size[0] / this.page.stage.clientWidth), 1.2 / share),
      best: share === QUALITIES[0][0] && pace === QUALITIES[0][1],
    };
    if (!fine) this.stale = false;
    this.fresh = false;
    this.caster.aim(this.job, this.frame, eyeOf(view.camera, this.frame.edges, this.size));
    this.band();
  }

  // A long job is cut into bands of rows, so that page and pointer stay alive on slow machines.
  band() {
    const { job } = this;
    const rows = job.fine
      ? Math.ceil(BAND / Math.max(this.predict(costKey(job), job.width, 1, job.pace), 1e-6))
      : job.height;
    const end = Math.min(job.height, job.row + Math.max(8, rows));
    const begun = performance.now();
    this.caster.cast(job.row, end);
    const samples = (job.width * (end - job.row) / job.pace) * 1e-6;
    const check = () => {
      if (this.job !== job) return;
      if (!this.caster.finished()) {
        this.poll = setTimeout(check, 2);
        return;
      }
      const now = (performance.now() - begun) / Math.max(samples, 1e-6);
      const key = costKey(job);
      const before = this.cost[key] ?? now;
      // The first picture of a new volume also waits for its bytes: it counts, but less.
      const weight = now > before && job.fresh ? 0.25 : 0.5;
      this.cost[key] = before + weight * (Math.min(now, 4 * before) - before);
      job.row = end;
      if (job.fine && this.stale) this.start(false);
      else if (job.row < job.height) this.band();
      else this.present();
    };
    this.poll = setTimeout(check, 0);
  }

  predict(key, width, height, pace) {
    return (this.cost[key] ?? 150) * (width * height / pace) * 1e-6;
  }

  affordable(mode) {
    const [width, height] = this.size;
    const fits = ([share, pace]) => this.predict(mode, width * share, height * share, pace) < BUDGET;
    return QUALITIES.find(fits) || QUALITIES[QUALITIES.length - 1];
  }

  present() {
    const { job } = this;
    this.job = null;
    this.caster.present();
    this.overlay(job.view);
    this.page.root.dataset.quality = job.best ? "full" : "coarse";
    if (job.number === this.owed) this.acknowledge();
    if (this.stale) this.change();
    else if (!job.best) this.refine = setTimeout(() => this.start(true), REST);
    this.speak();
  }

  drawFlat() {
    this.stale = false;
    const { under, over, root } = this.page;
    over.getContext("2d").clearRect(0, 0, over.width, over.height);
    drawFlat(under, this.frame, this.state.view, { title: this.model.get("title"), f: this.f });
    over.emScale = 300;
    root.dataset.quality = "full";
    this.acknowledge();
    this.speak();
  }

  acknowledge() {
    if (!this.owed || this.owed === this.told) return;
    this.told = this.owed;
    this.page.root.dataset.frame = this.owed;
    this.model.send({ kind: "drawn", number: this.owed });
  }

  overlay(view = this.state.view) {
    if (!this.size || (!this.caster && this.frame)) return;
    const { camera, clip } = view;
    const { edges, pixel_size_nm: nm, voxels } = this.frame || {};
    const { width, height } = this.page.over;
    // A new volume in the same box needs no new lines, and new lines are not free.
    const key = JSON.stringify([camera, clip, edges, nm, voxels, this.f, width, height]);
    if (key === this.outlined) return;
    this.outlined = key;
    drawOverlay(this.page, this.frame, view, { title: this.model.get("title"), f: this.f });
  }

  speak() {
    const words = describe(this.frame, this.state.view);
    this.page.over.setAttribute("aria-label", words);
    // Read aloud what was reached, not every step on the way.
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => {
      if (this.page.root.matches(":focus-within")) this.page.spoken.textContent = words;
    }, 900);
  }

  stop() {
    this.job = null;
    clearTimeout(this.poll);
    clearTimeout(this.refine);
    cancelAnimationFrame(this.asked);
    this.asked = 0;
  }

  dispose() {
    this.stop();
    clearTimeout(this.speaking);
    if (this.waiting) document.removeEventListener("visibilitychange", this.waiting);
    this.page.glass.removeEventListener("webglcontextlost", this.onLost);
    this.page.glass.removeEventListener("webglcontextrestored", this.onRestored);
    this.caster?.dispose();
  }
}

export default { render };
