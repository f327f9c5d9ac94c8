// The geometry of a chart panel: from values to paths. No colours here; the classes get them from tokens.css.
import { figure, number } from "./format";
import type { ChartPanel } from "./types";

type Num = number | null;
export interface Dot { i: number; x: number; y: number; text: string }

export function layout(panel: ChartPanel, width: number) {
  const narrow = width < 480;
  const height = narrow ? 200 : 240;
  const top = 18, bottom = height - 28, right = width - 14;
  const bars = panel.form === "bar";
  const series = panel.series.map((s) => ({ ...s, nums: s.values.map(num) }));
  const band = panel.band ? { low: panel.band.low.map(num), high: panel.band.high.map(num) } : null;
  const limits = (panel.limits || []).map((l) => ({ label: l.label, raw: l.value, n: num(l.value) })).filter((l) => l.n !== null) as { label: string; raw: string | number; n: number }[];
  const all = ([] as Num[]).concat(...series.map((s) => s.nums), band ? band.low : [], band ? band.high : [], limits.map((l) => l.n)).filter((n) => n !== null) as number[];
  const scale = ticksFor(all.length ? Math.min(...all) : 0, all.length ? Math.max(...all) : 1, bars);
  const left = 14 + Math.max(...scale.ticks.map((t) => tickText(t, scale.step).length)) * 7.5;
  const n = panel.x.length;
  const y = (v: number) => bottom - ((v - scale.low) / (scale.high - scale.low)) * (bottom - top);
  const slot = (right - left) / Math.max(1, n);
  const xs = panel.x.map((_, i) => (bars ? left + slot * (i + 0.5) : n === 1 ? (left + right) / 2 : left + ((right - left) * i) / (n - 1)));

  const lines = series.map((s, k) => {
    const subject = s.role ? s.role === "subject" : k === 0;
    const dots: Dot[] = [];
    s.nums.forEach((v, i) => { if (v !== null) dots.push({ i, x: xs[i], y: y(v), text: figure(s.values[i] as string | number) }); });
    return { label: s.label, subject, cls: subject ? "c1" : `c${Math.min(4, k + 1)}`, raw: s.values, dots, path: pathOf(s.nums, xs, y), marks: subject ? marksOf(dots, s.nums, limits.map((l) => l.n)) : alone(dots, s.nums) };
  });
  // With two or three lines the name stands at the line's end instead of in a legend.
  const ends = lines.length > 1 && lines.length < 4 ? lines.filter((l) => l.dots.length).map((l) => {
    const last = l.dots[l.dots.length - 1];
    return { x: last.x - 2, y: last.y < top + 18 ? last.y + 18 : last.y - 9, text: l.label, cls: l.cls };
  }) : [];
  const group = (slot * 0.68) / Math.max(1, series.length);
  return {
    height, left, right, top, bottom, xs, lines, ends: narrow ? [] : ends,
    ticks: scale.ticks.map((t) => ({ y: round(y(t)), text: tickText(t, scale.step) })),
    band: band ? bandPaths(band.low, band.high, xs, y) : [],
    limits: limits.map((l) => ({ y: round(y(l.n)), labelY: round(y(l.n) < top + 16 ? y(l.n) + 15 : y(l.n) - 6), text: `${l.label} ${figure(l.raw)}` })),
    notes: (panel.notes || []).map((m) => ({ i: panel.x.indexOf(m.x), text: m.text })).filter((m) => m.i >= 0)
      .map((m) => ({ x: round(xs[m.i]), text: m.text, flip: xs[m.i] > (left + right) / 2 + (right - left) * 0.2 })),
    bars: bars ? ([] as { x: number; y: number; w: number; h: number; cls: string }[]).concat(...series.map((s, k) => s.nums.map((v, i) => ({
      x: round(xs[i] - slot * 0.34 + group * k), y: round(y(Math.max(0, v || 0))), w: round(group - 1), h: round(Math.abs(y(v || 0) - y(0))), cls: lines[k].cls,
    })))) : [],
    xLabels: xLabels(panel.x, xs, narrow ? 62 : 74, bars),
    nearest: (px: number) => xs.reduce((best, x, i) => (Math.abs(x - px) < Math.abs(xs[best] - px) ? i : best), 0),
  };
}

/** Round steps around the data; bars begin at 0. */
function ticksFor(min: number, max: number, zero: boolean) {
  if (zero) { min = Math.min(0, min); max = Math.max(0, max); }
  if (min === max) { const pad = Math.abs(min) * 0.1 || 1; max += pad; if (!zero) min -= pad; }
  const raw = (max - min) / 4;
  const power = Math.pow(10, Math.floor(Math.log10(raw)));
  const step = [1, 2, 2.5, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999) as number;
  let low = Math.floor(min / step) * step;
  // A rate is never below zero: do not show ground that cannot be.
  if (min >= 0 && low < 0) low = 0;
  const high = Math.ceil(max / step + 0.001) * step;
  const ticks: number[] = [];
  for (let i = 0; low + i * step <= high + step / 1000; i++) ticks.push(low + i * step);
  return { low, high: ticks[ticks.length - 1], ticks, step };
}

function tickText(value: number, step: number): string {
  const places = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (step / Math.pow(10, Math.floor(Math.log10(step))) === 2.5 ? 1 : 0));
  return number(value.toFixed(Math.min(6, places)));
}

function pathOf(values: Num[], xs: number[], y: (v: number) => number): string {
  let path = "", pen = false;
  values.forEach((v, i) => {
    if (v === null) { pen = false; return; }
    path += `${pen ? "L" : "M"}${round(xs[i])} ${round(y(v))}`;
    pen = true;
  });
  return path;
}

function bandPaths(low: Num[], high: Num[], xs: number[], y: (v: number) => number): string[] {
  const paths: string[] = [];
  let run: number[] = [];
  const close = () => {
    if (run.length > 1) paths.push("M" + run.map((i) => `${round(xs[i])} ${round(y(high[i] as number))}`).join("L") + "L" + run.slice().reverse().map((i) => `${round(xs[i])} ${round(y(low[i] as number))}`).join("L") + "Z");
    run = [];
  };
  low.forEach((_, i) => { if (low[i] === null || high[i] === null) close(); else run.push(i); });
  close();
  return paths;
}

/** The points on the same far side of the first limit as the last one; without a limit only the last. */
function marksOf(dots: Dot[], values: Num[], limits: number[]): Dot[] {
  if (!dots.length) return [];
  const last = dots[dots.length - 1];
  if (!limits.length) return [last];
  const over = (values[last.i] as number) >= limits[0];
  const marks = dots.filter((d) => ((values[d.i] as number) >= limits[0]) === over);
  const lonely = alone(dots, values);
  return (marks.length <= dots.length / 2 ? marks : [last]).concat(lonely.filter((d) => d !== last && (marks.length > dots.length / 2 || marks.indexOf(d) < 0)));
}

/** Points between two gaps: no line reaches them, so without a mark they would not be seen. */
function alone(dots: Dot[], values: Num[]): Dot[] {
  const has = (i: number) => values[i] !== null && values[i] !== undefined;
  return dots.filter((d) => !has(d.i - 1) && !has(d.i + 1));
}

function xLabels(names: string[], xs: number[], room: number, bars: boolean) {
  const per = Math.max(1, Math.ceil((names.length * room) / Math.max(1, (xs[xs.length - 1] || room) - xs[0] + room)));
  return names.map((text, i) => ({ text: short(text), x: xs[i], i })).filter((l) => (names.length - 1 - l.i) % per === 0)
    .map((l) => ({ ...l, anchor: bars || (l.i > 0 && l.i < names.length - 1) ? "middle" : l.i === 0 ? "start" : "end" }));
}

function short(name: string): string { return /^\d{4}-\d{2}$/.test(name) ? name.slice(2) : name; }
function num(value: string | number | null): Num { return value === null || value === "" || isNaN(Number(value)) ? null : Number(value); }
function round(value: number): number { return Math.round(value * 10) / 10; }
