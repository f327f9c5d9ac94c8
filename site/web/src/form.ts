// One form's values and errors; the pages and the action dialog share it.
import { onBeforeUnmount, reactive } from "vue";
import { api, ApiError, newKey } from "./api";
import { number } from "./format";
import type { FormSpec, Value } from "./types";

export interface FormState {
  values: Record<string, unknown>;
  errors: Record<string, string[]>;
  general: ApiError | null;
  dirty: boolean;
  sending: boolean;
  /** Kept while the same content is sent again, so that a lost answer does not make two entries. */
  key: string;
}

export function makeForm(spec: FormSpec, from: Record<string, Value> = {}): FormState {
  const values: Record<string, unknown> = {};
  spec.fields.forEach((field) => {
    const start = field.value !== undefined ? field.value : from[field.key];
    values[field.key] = start === undefined || start === null ? (field.type === "bool" ? false : field.type === "file" || field.type === "files" || field.type === "choices" ? [] : "") : start;
  });
  return reactive({ values, errors: {}, general: null, dirty: false, sending: false, key: newKey() });
}

/** The fields asked for with what is chosen now. */
export function asked(spec: FormSpec, form: FormState) {
  return spec.fields.filter((f) => !f.only_with || f.only_with.values.indexOf(String(form.values[f.only_with.key])) >= 0);
}

export function touch(form: FormState, key: string) {
  form.dirty = true;
  form.key = newKey();
  if (form.errors[key]) delete form.errors[key];
}

/** What the browser can see by itself: required and length. True when nothing is missing. */
export function checkForm(spec: FormSpec, form: FormState): boolean {
  form.errors = {};
  form.general = null;
  asked(spec, form).forEach((field) => {
    const value = form.values[field.key];
    const empty = value === "" || value === null || value === undefined || (Array.isArray(value) && !value.length);
    if (field.required && (empty || (field.type === "bool" && value !== true))) {
      form.errors[field.key] = [missing(field.type, field.label)];
    } else if (field.max_length && typeof value === "string" && value.length > field.max_length) {
      form.errors[field.key] = [`最多 ${number(field.max_length)} 个字，现在有 ${number(value.length)} 个。`];
    } else if (!empty && (field.type === "number" || field.type === "money") && !/^[+-]?\d+(\.\d+)?$/.test(String(value).replace(/[,，\s]/g, ""))) {
      form.errors[field.key] = ["请填写数字，例如 1234.50。"];
    }
  });
  return !Object.keys(form.errors).length;
}

/** Puts the server's errors beside their fields; what has no field goes to the top of the form. */
export function showErrors(spec: FormSpec, form: FormState, error: ApiError) {
  form.errors = {};
  form.general = null;
  let homeless = !error.errors.length;
  error.errors.forEach((one) => {
    const field = (one.pointer || "").split("/").filter(Boolean).filter((p) => p !== "values")[0] || "";
    const known = spec.fields.find((f) => f.key === field);
    if (known) {
      // the server may give the field's own help as the cure; it stands under the field already
      form.errors[field] = (form.errors[field] || []).concat(one.message + (one.cure && one.cure !== known.help ? ` ${one.cure}` : ""));
    } else homeless = true;
  });
  if (homeless) form.general = error;
}

export interface StoredFile { uid: string; name: string; size: number }

/** The body's `values` and `files`: texts trimmed, separators out of numbers, empty as null, files by uid. */
export async function payload(spec: FormSpec, form: FormState): Promise<{ values: Record<string, unknown>; files: string[] }> {
  const values: Record<string, unknown> = {};
  const files: string[] = [];
  asked(spec, form).forEach((field) => {
    const value = form.values[field.key];
    if (field.type === "file" || field.type === "files") {
      const uids = ((value as StoredFile[]) || []).map((f) => f.uid);
      files.push(...uids);
      values[field.key] = field.type === "files" ? uids : uids[0] || null;
    } else if (field.type === "number" || field.type === "money") {
      values[field.key] = value === "" ? null : String(value).replace(/[,，\s]/g, "");
    } else values[field.key] = typeof value === "string" ? value.trim() || null : value;
  });
  return { values, files };
}

export function uploadTo(hospital: string, file: File, onProgress: (part: number) => void): Promise<StoredFile> {
  return api.uploadFile(hospital, file, onProgress);
}

/** The browser's own question when the window is closed over unsent words. */
export function warnUnsaved(isDirty: () => boolean) {
  const handler = (event: BeforeUnloadEvent) => {
    if (!isDirty()) return;
    event.preventDefault();
    event.returnValue = "";
  };
  window.addEventListener("beforeunload", handler);
  onBeforeUnmount(() => window.removeEventListener("beforeunload", handler));
}

/** Moves to the first field that needs a look. */
export function focusFirstError() {
  window.setTimeout(() => {
    const field = document.querySelector<HTMLElement>('[aria-invalid="true"]') || document.querySelector<HTMLElement>(".form-error");
    if (field) field.focus();
  }, 0);
}

function missing(type: string, label: string): string {
  if (type === "choice" || type === "choices" || type === "month" || type === "date" || type === "person" || type === "department" || type === "lookup") return `请选择“${label}”。`;
  if (type === "file" || type === "files") return `请添加“${label}”。`;
  if (type === "bool") return `请确认“${label}”。`;
  return `请填写“${label}”。`;
}
