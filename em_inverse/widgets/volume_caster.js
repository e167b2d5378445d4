// The graphics card's part: a ray through every pixel, in WebGL 2. Joined to volume.js by volume.py.

const BLOCK = 8; // voxels along the edge of a block that may be skipped as a whole, as in the kernel
const DENSITY = 40; // layers of the given opacity along the longest edge

const CORNERS = `#version 300 es
void main() {
  gl_Position = vec4(4.0 * float(gl_VertexID & 1) - 1.0, 2.0 * float(gl_VertexID & 2) - 1.0, 0, 1);
}`;

// Texture axes run as the bytes do: first y, then x, then z. Lengths t along a ray are in units of the
// longest edge. MODE: 0 volume, 1 maximum, 2 surface, 3 slices alone.
const RAYS = `
precision highp float;
precision highp int;
precision highp sampler3D;
uniform sampler3D field, blocks;
uniform sampler2D look;
uniform vec2 frame;
uniform vec3 centre, right, up, into;
uniform vec3 low, high, voxels, edges;
uniform float pace, iso, hair;
uniform bool quick;
uniform vec3 slice, sliced;
uniform vec3 light, eye;
out vec4 ink;

vec4 looked(float value) {
  return texelFetch(look, ivec2(int(value * 255.0 + 0.5), 0), 0);
}

float inside(vec3 p) {
  return texture(field, p).r;
}

vec3 quickSlope(vec3 p, float value) {
  vec3 h = 1.0 / voxels;
  return 2.0 * (vec3(inside(p + vec3(h.x, 0, 0)), inside(p + vec3(0, h.y, 0)), inside(p + vec3(0, 0, h.z)))
    - value);
}

vec3 slope(vec3 p, float reach) {
  vec3 h = reach / voxels;
  return vec3(
    inside(p + vec3(h.x, 0, 0)) - inside(p - vec3(h.x, 0, 0)),
    inside(p + vec3(0, h.y, 0)) - inside(p - vec3(0, h.y, 0)),
    inside(p + vec3(0, 0, h.z)) - inside(p - vec3(0, 0, h.z)));
}

vec3 lit(vec3 base, vec3 normal, float open) {
  float key = max(dot(normal, light), 0.0);
  float front = max(dot(normal, eye), 0.0);
  float shine = pow(max(dot(normal, normalize(light + eye)), 0.0), 30.0);
  return base * (0.12 + 0.14 * open + (0.52 * key + 0.3 * front) * (0.4 + 0.6 * open)) + 0.16 * shine * open;
}

// How much of the surroundings is empty: pores and corners are darker than open faces.
float openness(vec3 p, vec3 normal) {
  float open = 0.0;
  for (int k = 1; k <= 5; k++) {
    vec3 q = p + normal * (0.7 * float(k * k) + 0.8) / voxels;
    bool cut = any(lessThan(q, low)) || any(greaterThan(q, high));
    open += cut ? 1.0 : 1.0 - smoothstep(0.5 * iso, 1.1 * iso, inside(q));
  }
  return open / 5.0;
}

void main() {
  vec2 at = 2.0 * gl_FragCoord.xy / frame - 1.0;
  vec3 o = centre + at.x * right + at.y * up;
  vec3 inv = 1.0 / into;
  vec3 one = (low - o) * inv, other = (high - o) * inv;
  vec3 first = min(one, other), last = max(one, other);
  float t0 = max(max(first.x, first.y), first.z);
  float t1 = min(min(last.x, last.y), last.z);
  ink = vec4(0);
  if (t0 >= t1) return;

  vec4 wall = vec4(0);
  for (int k = 0; k < 3; k++) {
    float t = (slice[k] - o[k]) * inv[k];
    if (sliced[k] > 0.5 && t > t0 - 1e-4 && t < t1 + 1e-4) {
      t1 = t;
      vec3 p = o + t * into;
      vec3 rim = min(p - low, high - p) * edges;
      rim[k] = 1.0;
      float border = 1.0 - smoothstep(0.5 * hair, 1.7 * hair, min(min(rim.x, rim.y), rim.z));
      wall = vec4(mix(looked(inside(p)).rgb, vec3(0.8), border), 1.0);
    }
  }

  vec4 sum = vec4(0);
#if MODE < 3
  vec3 cells = voxels / ${BLOCK}.0;
  float best = 0.0, before = t0;
#if MODE == 2
  // Where a cut goes through the inside, its face shows the values there.
  if (inside(o + t0 * into) >= iso) {
    vec3 face = vec3(equal(first, vec3(t0)));
    vec3 normal = -sign(into) * face;
    float shade = 0.75 + 0.25 * abs(dot(normal, eye));
    ink = vec4(looked(inside(o + t0 * into)).rgb * shade, 1.0);
    return;
  }
  float t = t0 + pace;
#else
  // A start that differs from pixel to pixel turns rings into fine grain.
  float t = t0 + pace * fract(52.9829189 * fract(dot(gl_FragCoord.xy, vec2(0.06711056, 0.00583715))));
#endif
  for (int k = 0; k < 1500; k++) {
    if (t >= t1) break;
    vec3 p = o + t * into;
    vec3 cell = floor(p * cells);
    vec2 block = texelFetch(blocks, ivec3(clamp(cell, vec3(0), cells)), 0).rg;
#if MODE == 1
    bool idle = block.r <= best;
#else
    bool idle = block.g == 0.0;
#endif
    if (idle) {
      vec3 leave = ((cell + step(vec3(0), into)) / cells - o) * inv;
      float away = min(min(leave.x, leave.y), leave.z);
      before = max(t, away - pace);
      t += pace * max(1.0, ceil((away - t) / pace));
      continue;
    }
    float value = inside(p);
#if MODE == 0
    vec4 here = looked(value);
    if (here.a > 0.0) {
      vec3 fall = quick ? quickSlope(p, value) : slope(p, 1.0);
      float steep = length(fall);
      vec3 normal = -fall / max(steep, 1e-4);
      normal *= sign(dot(normal, eye));
      // Faces count more than the inside: else a solid particle would hide its own pores.
      float face = smoothstep(0.05, 0.3, steep);
      vec3 shone = mix(1.25 * here.rgb, 1.5 * lit(here.rgb, normal, 1.0), face);
      sum += (1.0 - sum.a) * here.a * (0.15 + 0.85 * face) * vec4(shone, 1.0);
      if (sum.a > 0.985) break;
    }
#elif MODE == 1
    best = max(best, value);
    if (best > 0.998) break;
#else
    if (value >= iso) {
      float outer = before, inner = t;
      for (int n = 0; n < 6; n++) {
        float middle = 0.5 * (outer + inner);
        if (inside(o + middle * into) >= iso) inner = middle;
        else outer = middle;
      }
      p = o + inner * into;
      vec3 fall = slope(p, 1.6);
      vec3 normal = -fall / max(length(fall), 1e-5);
      if (dot(normal, eye) < 0.0) normal = -normal;
      sum = vec4(lit(mix(looked(1.0).rgb, vec3(0.86, 0.84, 0.8), 0.6), normal, openness(p, normal)), 1.0);
      break;
    }
    before = t;
#endif
    t += pace;
  }
#if MODE == 1
  sum = vec4(looked(best).rgb, 1.0) * smoothstep(0.0, 0.25, best);
#endif
#endif
  ink = sum + (1.0 - sum.a) * wall;
}`;

const NUMBERS = { volume: 0, mip: 1, iso: 2, slices: 3 };

class Caster {
  constructor(canvas) {
    this.gl = canvas.getContext("webgl2", {
      antialias: false, depth: false, stencil: false, powerPreference: "high-performance",
    });
    if (!this.gl) throw new Error("no context");
    this.canvas = canvas;
    this.build();
  }

  get lost() {
    return this.gl.isContextLost();
  }

  // Everything that lives on the card; also after it was lost.
  build() {
    const { gl } = this;
    this.programs = {};
    this.field = this.blocks = null;
    this.loaded = this.marked = this.coloured = "";
    this.fence = null;
    this.look = texture(gl, gl.TEXTURE_2D, gl.NEAREST);
    this.target = gl.createFramebuffer();
    this.picture = null;
    if (this.canvas.width > 1) this.resize(this.canvas.width, this.canvas.height);
  }

  resize(width, height) {
    const { gl } = this;
    fitCanvas(this.canvas, width, height);
    if (this.picture) gl.deleteTexture(this.picture);
    this.picture = texture(gl, gl.TEXTURE_2D, gl.LINEAR);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.picture, 0);
  }

  upload({ values, shape, cells }) {
    const { gl } = this;
    if (this.lost) return;
    const [nz, nx, ny] = shape;
    if (this.loaded !== String(shape)) {
      for (const old of [this.field, this.blocks]) if (old) gl.deleteTexture(old);
      this.field = texture(gl, gl.TEXTURE_3D, gl.LINEAR);
      gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R8, ny, nx, nz);
      this.blocks = texture(gl, gl.TEXTURE_3D, gl.NEAREST);
      gl.texStorage3D(gl.TEXTURE_3D, 1, gl.RG8, cells[2], cells[1], cells[0]);
      this.loaded = String(shape);
    }
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.bindTexture(gl.TEXTURE_3D, this.field);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, 0, ny, nx, nz, gl.RED, gl.UNSIGNED_BYTE, values);
    this.marked = "";
  }

  // Tell the card which blocks hold anything to be seen.
  mark({ lowest, highest, cells }, view, opacity) {
    const key = JSON.stringify([view.mode, view.iso, view.opacity]);
    if (this.marked === key) return;
    this.marked = key;
    const { gl } = this;
    const seen = new Uint16Array(257); // how many values below this one are not transparent
    for (let v = 0; v < 256; v++) seen[v + 1] = seen[v] + (opacity[v] > 0 ? 1 : 0);
    const filled = new Uint8Array(2 * highest.length);
    for (let k = 0; k < highest.length; k++) {
      const surface = highest[k] >= Math.floor(255 * view.iso);
      const any = seen[highest[k] + 1] > seen[lowest[k]];
      filled[2 * k] = highest[k];
      filled[2 * k + 1] = (view.mode === "iso" ? surface : any) ? 255 : 0;
    }
    gl.bindTexture(gl.TEXTURE_3D, this.blocks);
    gl.texSubImage3D(
      gl.TEXTURE_3D, 0, 0, 0, 0, cells[2], cells[1], cells[0], gl.RG, gl.UNSIGNED_BYTE, filled
    );
  }

  // Colour of each value, and the opacity that one step of the ray collects.
  colour(view, colours, opacity, pace) {
    const key = JSON.stringify([view.table, view.opacity, pace]);
    if (this.coloured === key) return;
    this.coloured = key;
    const { gl } = this;
    const entries = new Float32Array(4 * 256);
    for (let v = 0; v < 256; v++) {
      for (let c = 0; c < 3; c++) entries[4 * v + c] = colours.getUint8(3 * v + c) / 255;
      entries[4 * v + 3] = 1 - Math.pow(1 - Math.min(opacity[v], 0.99), DENSITY * pace);
    }
    gl.bindTexture(gl.TEXTURE_2D, this.look);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, 256, 1, 0, gl.RGBA, gl.FLOAT, entries);
  }

  aim(job, frame, eye) {
    const { gl } = this;
    const { view } = job;
    const program = this.program(NUMBERS[view.mode]);
    const opacity = opacities(view.opacity);
    const pace = job.pace / Math.max(...frame.shape);
    this.mark(frame, view, opacity);
    this.colour(view, frame.tables[view.table], opacity, pace);
    gl.useProgram(program.handle);
    const share = ([x, y, z]) => [y / frame.edges.y, x / frame.edges.x, z / frame.edges.z];
    const part = (of) => [of("y"), of("x"), of("z")];
    const { clip, slices } = view;
    const [nz, nx, ny] = frame.shape;
    const on = slices.shown || view.mode === "slices" ? 1 : 0;
    // A ray along a face would divide by zero.
    const into = share(eye.into).map((v) => (Math.abs(v) < 1e-5 ? 1e-5 : v));
    const toEye = [-eye.into[1], -eye.into[0], -eye.into[2]];
    const [r, u] = [eye.right, eye.up].map(([x, y, z]) => [y, x, z]);
    const light = unit(toEye.map((v, k) => v - 0.55 * r[k] + 0.75 * u[k]));
    const values = {
      frame: [job.width, job.height],
      centre: share(eye.middle).map((v) => v + 0.5),
      right: share(eye.right.map((v) => v * eye.half[0])),
      up: share(eye.up.map((v) => v * eye.half[1])),
      into,
      low: part((axis) => clip[axis][0]),
      high: part((axis) => clip[axis][1]),
      voxels: [ny, nx, nz],
      edges: part((axis) => frame.edges[axis]),
      slice: part((axis) => slices[axis]),
      sliced: [on, on, on],
      light,
      eye: toEye,
    };
    for (const [name, value] of Object.entries(values)) {
      gl[`uniform${value.length}fv`](program.at(name), value);
    }
    gl.uniform1f(program.at("pace"), pace);
    gl.uniform1f(program.at("iso"), view.iso);
    gl.uniform1i(program.at("quick"), job.pace > 0.8);
    gl.uniform1f(program.at("hair"), job.hair / eye.scale);
    const units = { field: [0, gl.TEXTURE_3D], blocks: [1, gl.TEXTURE_3D], look: [2, gl.TEXTURE_2D] };
    for (const [name, [unit, kind]] of Object.entries(units)) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(kind, this[name]);
      gl.uniform1i(program.at(name), unit);
    }
    gl.activeTexture(gl.TEXTURE3);
    this.shown = [job.width, job.height];
  }

  cast(row, end) {
    const { gl } = this;
    const [width, height] = this.shown;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.target);
    gl.viewport(0, 0, width, height);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(0, row, width, end - row);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.disable(gl.SCISSOR_TEST);
    if (this.fence) gl.deleteSync(this.fence);
    this.fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
  }

  // Whether the card is done; without one (a lost context) there is nothing to wait for.
  finished() {
    return !this.fence || this.gl.clientWaitSync(this.fence, 0, 0) !== this.gl.TIMEOUT_EXPIRED;
  }

  present() {
    const { gl } = this;
    const [width, height] = this.shown;
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.target);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, null);
    gl.blitFramebuffer(
      0, 0, width, height, 0, 0, this.canvas.width, this.canvas.height, gl.COLOR_BUFFER_BIT, gl.LINEAR
    );
  }

  program(mode) {
    if (this.programs[mode]) return this.programs[mode];
    const { gl } = this;
    const handle = gl.createProgram();
    const sources = [
      [gl.VERTEX_SHADER, CORNERS],
      [gl.FRAGMENT_SHADER, `#version 300 es\n#define MODE ${mode}\n${RAYS}`],
    ];
    for (const [kind, source] of sources) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(handle, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(handle);
    if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !this.lost) {
      const logs = gl.getAttachedShaders(handle).map((shader) => gl.getShaderInfoLog(shader));
      throw new Error(`shader: ${logs.join(" ")} ${gl.getProgramInfoLog(handle)}`);
    }
    const places = {};
    const at = (name) => (places[name] ??= gl.getUniformLocation(handle, name));
    return (this.programs[mode] = { handle, at });
  }

  dispose() {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function texture(gl, kind, filter) {
  const made = gl.createTexture();
  gl.activeTexture(gl.TEXTURE3);
  gl.bindTexture(kind, made);
  for (const name of ["MIN", "MAG"]) gl.texParameteri(kind, gl[`TEXTURE_${name}_FILTER`], filter);
  for (const name of ["S", "T", "R"]) gl.texParameteri(kind, gl[`TEXTURE_WRAP_${name}`], gl.CLAMP_TO_EDGE);
  return made;
}
