// A QR code as the path of an SVG (ISO/IEC 18004): bytes, error correction M, versions 1 to 20. The secret never leaves the page.

// per version: bytes of error correction in a block, number of blocks (table 9 of the standard, level M)
const ECC = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];

export interface Code { size: number; path: string }

/** Throws RangeError when the text does not fit. */
export function qr(text: string): Code {
  const grid = matrix(text);
  let path = "";
  grid.forEach((row, y) => row.forEach((dark, x) => { if (dark) path += `M${x + 4} ${y + 4}h1v1h-1z`; }));
  return { size: grid.length + 8, path }; // with the quiet border of four that scanners need
}

/** The modules, true for dark; `fixed` chooses the mask (for tests), else the one with the least penalty. */
export function matrix(text: string, fixed = -1): boolean[][] {
  const bytes = Array.from(new TextEncoder().encode(text));
  let version = 1;
  while (version <= 20 && 4 + (version < 10 ? 8 : 16) + bytes.length * 8 > capacity(version) * 8) version++;
  if (version > 20) throw new RangeError("too long for a code");
  const words = spread(encode(bytes, version), version);
  let best: boolean[][] = [], least = Infinity;
  for (let mask = 0; mask < 8; mask++) {
    if (fixed >= 0 && mask !== fixed) continue;
    const grid = draw(words, version, mask);
    const cost = fixed >= 0 ? 0 : penalty(grid);
    if (cost < least) { least = cost; best = grid; }
  }
  return best;
}

/** Modules that are left for data and correction, in whole bytes. */
function rawBytes(v: number): number {
  let n = (16 * v + 128) * v + 64;
  if (v >= 2) {
    const k = Math.floor(v / 7) + 2;
    n -= (25 * k - 10) * k - 55;
    if (v >= 7) n -= 36;
  }
  return n >> 3;
}
function capacity(v: number): number { return rawBytes(v) - ECC[v - 1] * BLOCKS[v - 1]; }

function encode(bytes: number[], v: number): number[] {
  const bits: number[] = [];
  const put = (value: number, n: number) => { for (let i = n - 1; i >= 0; i--) bits.push((value >> i) & 1); };
  put(4, 4);
  put(bytes.length, v < 10 ? 8 : 16);
  bytes.forEach((b) => put(b, 8));
  const room = capacity(v) * 8;
  put(0, Math.min(4, room - bits.length));
  put(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) put(pad, 8);
  const out: number[] = [];
  for (let i = 0; i < bits.length; i += 8) out.push(parseInt(bits.slice(i, i + 8).join(""), 2));
  return out;
}

/** Data and correction of all blocks, woven together. */
function spread(data: number[], v: number): number[] {
  const count = BLOCKS[v - 1], ecc = ECC[v - 1], raw = rawBytes(v);
  const short = count - (raw % count), size = Math.floor(raw / count) - ecc;
  const divisor = generator(ecc);
  const blocks: number[][] = [], checks: number[][] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const n = size + (i < short ? 0 : 1);
    blocks.push(data.slice(at, at + n));
    checks.push(remainder(data.slice(at, at + n), divisor));
    at += n;
  }
  const out: number[] = [];
  for (let i = 0; i <= size; i++) blocks.forEach((b) => { if (i < b.length) out.push(b[i]); });
  for (let i = 0; i < ecc; i++) checks.forEach((c) => out.push(c[i]));
  return out;
}

function times(a: number, b: number): number {
  let z = 0;
  for (let i = 7; i >= 0; i--) {
    z = (z << 1) ^ ((z >> 7) * 0x11d);
    z ^= ((b >> i) & 1) * a;
  }
  return z;
}
function generator(n: number): number[] {
  const out: number[] = new Array(n).fill(0);
  out[n - 1] = 1;
  for (let i = 0, root = 1; i < n; i++, root = times(root, 2)) {
    for (let j = 0; j < n; j++) out[j] = times(out[j], root) ^ (j + 1 < n ? out[j + 1] : 0);
  }
  return out;
}
function remainder(data: number[], divisor: number[]): number[] {
  const out: number[] = divisor.map(() => 0);
  data.forEach((b) => {
    const factor = b ^ (out.shift() as number);
    out.push(0);
    divisor.forEach((d, i) => (out[i] ^= times(d, factor)));
  });
  return out;
}

function draw(words: number[], v: number, mask: number): boolean[][] {
  const n = 17 + 4 * v;
  const grid: boolean[][] = Array.from({ length: n }, () => new Array<boolean>(n).fill(false));
  const kept: boolean[][] = Array.from({ length: n }, () => new Array<boolean>(n).fill(false));
  const set = (x: number, y: number, dark: boolean) => { grid[y][x] = dark; kept[y][x] = true; };
  for (let i = 0; i < n; i++) { set(6, i, i % 2 === 0); set(i, 6, i % 2 === 0); }
  [[3, 3], [n - 4, 3], [3, n - 4]].forEach(([cx, cy]) => {
    for (let dy = -4; dy <= 4; dy++) for (let dx = -4; dx <= 4; dx++) {
      const d = Math.max(Math.abs(dx), Math.abs(dy)), x = cx + dx, y = cy + dy;
      if (x >= 0 && x < n && y >= 0 && y < n) set(x, y, d !== 2 && d !== 4);
    }
  });
  const marks = alignment(v);
  marks.forEach((cy, i) => marks.forEach((cx, j) => {
    const last = marks.length - 1;
    if ((i === 0 && j === 0) || (i === 0 && j === last) || (i === last && j === 0)) return;
    for (let dy = -2; dy <= 2; dy++) for (let dx = -2; dx <= 2; dx++) set(cx + dx, cy + dy, Math.max(Math.abs(dx), Math.abs(dy)) !== 1);
  }));
  format(set, n, mask);
  if (v >= 7) {
    let rem = v;
    for (let i = 0; i < 12; i++) rem = (rem << 1) ^ ((rem >> 11) * 0x1f25);
    const bits = (v << 12) | rem;
    for (let i = 0; i < 18; i++) {
      const dark = ((bits >> i) & 1) === 1, a = n - 11 + (i % 3), b = Math.floor(i / 3);
      set(a, b, dark);
      set(b, a, dark);
    }
  }
  let at = 0;
  for (let right = n - 1; right >= 1; right -= 2) {
    if (right === 6) right = 5;
    for (let k = 0; k < n; k++) for (let j = 0; j < 2; j++) {
      const x = right - j, y = ((right + 1) & 2) === 0 ? n - 1 - k : k;
      if (kept[y][x]) continue;
      const dark = at < words.length * 8 && ((words[at >> 3] >> (7 - (at & 7))) & 1) === 1;
      at++;
      grid[y][x] = dark !== MASKS[mask](x, y);
    }
  }
  return grid;
}

const MASKS: ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0, (_, y) => y % 2 === 0, (x) => x % 3 === 0, (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0, (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0, (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function format(set: (x: number, y: number, dark: boolean) => void, n: number, mask: number) {
  const data = mask; // level M is 00
  let rem = data;
  for (let i = 0; i < 10; i++) rem = (rem << 1) ^ ((rem >> 9) * 0x537);
  const bits = ((data << 10) | rem) ^ 0x5412;
  const bit = (i: number) => ((bits >> i) & 1) === 1;
  for (let i = 0; i <= 5; i++) set(8, i, bit(i));
  set(8, 7, bit(6));
  set(8, 8, bit(7));
  set(7, 8, bit(8));
  for (let i = 9; i < 15; i++) set(14 - i, 8, bit(i));
  for (let i = 0; i < 8; i++) set(n - 1 - i, 8, bit(i));
  for (let i = 8; i < 15; i++) set(8, n - 15 + i, bit(i));
  set(8, n - 8, true);
}

function alignment(v: number): number[] {
  if (v === 1) return [];
  const count = Math.floor(v / 7) + 2, n = 17 + 4 * v;
  const step = Math.ceil((v * 4 + 4) / (count * 2 - 2)) * 2;
  const out = [6];
  for (let at = n - 7; out.length < count; at -= step) out.splice(1, 0, at);
  return out;
}

/** The standard's four penalties, the third in its simple form: any mask can be read, this one is a good one. */
function penalty(grid: boolean[][]): number {
  const n = grid.length;
  let cost = 0, dark = 0;
  const lines = grid.concat(grid[0].map((_, x) => grid.map((row) => row[x])));
  lines.forEach((line) => {
    for (let i = 0, run = 0; i < n; i++) {
      run = i && line[i] === line[i - 1] ? run + 1 : 1;
      if (run === 5) cost += 3; else if (run > 5) cost++;
    }
    const text = line.map((d) => (d ? "1" : "0")).join("");
    cost += 40 * (text.split(/(?=10111010000)/).length + text.split(/(?=00001011101)/).length - 2);
  });
  for (let y = 0; y < n; y++) for (let x = 0; x < n; x++) {
    if (grid[y][x]) dark++;
    if (x && y && grid[y][x] === grid[y - 1][x] && grid[y][x] === grid[y][x - 1] && grid[y][x] === grid[y - 1][x - 1]) cost += 3;
  }
  return cost + 10 * Math.floor(Math.abs(dark * 20 - n * n * 10) / (n * n));
}
