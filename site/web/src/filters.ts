// Filters live in the address (?level=red,orange&opened_on=2025-01-01..2025-03-31), so that a list can be sent to a colleague.
import { number } from "./format";
import type { FilterSpec } from "./types";

export type Filters = Record<string, string>;
export interface Expr { op: string; args: unknown[] }

/** The JSON expression that the gateway compiles; null when nothing is set. */
export function toExpression(filters: FilterSpec[], values: Filters, extra: Expr | null): Expr | null {
  const parts: Expr[] = extra ? [extra] : [];
  filters.forEach((f) => {
    const value = values[f.key];
    if (!value) return;
    if (f.type === "choice") {
      const many = value.split(",");
      parts.push(many.length > 1 ? test("in", f.key, many) : test("eq", f.key, value));
    } else if (f.type === "bool") parts.push(test("eq", f.key, value === "true"));
    else if (f.type === "text") parts.push(test("contains", f.key, value));
    else {
      const [low, high] = value.split("..");
      if (low) parts.push(test("ge", f.key, low));
      if (high) parts.push(test("le", f.key, high));
    }
  });
  if (!parts.length) return null;
  return parts.length === 1 ? parts[0] : { op: "and", args: parts };
}

/** A condition as a person reads it, on its chip. */
export function filterText(filter: FilterSpec, value: string): string {
  if (filter.type === "choice") {
    return value.split(",").map((v) => { const c = (filter.choices || []).find((x) => x.value === v); return c ? c.label : v; }).join("、");
  }
  if (filter.type === "bool") return value === "true" ? "是" : "否";
  if (filter.type === "text") return value;
  const [low, high] = value.split("..");
  const show = (v: string) => (filter.type === "number_range" ? number(v) : v);
  if (low && high) return `${show(low)} 至 ${show(high)}`;
  return low ? `${show(low)} 起` : `至 ${show(high)}`;
}

/** A ready-made condition from a link (?where=…), for instance from the home page; broken JSON is ignored. */
export function parseExtra(text: unknown): Expr | null {
  if (typeof text !== "string" || !text) return null;
  try {
    const parsed = JSON.parse(text) as Expr;
    return parsed && typeof parsed.op === "string" ? parsed : null;
  } catch { return null; }
}

function test(op: string, field: string, value: unknown): Expr { return { op, args: [{ field }, { value }] }; }
