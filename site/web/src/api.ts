// The one door to the server: session cookie, CSRF header, problem+json, idempotency keys.
import { reactive } from "vue";
import type {
  CommandResult, Dataset, Detail, FieldError, Home, HospitalRef, ImportMode, Job, MenuEntry, PluginInfo, Preview, ProblemBody, ResourceSpec, Rows,
  Session, SourceRow, Upload,
} from "./types";

const V1 = "/api/v1";
const ALLAUTH = "/_allauth/browser/v1";

/** What the server (or the network) refused, in words a person can act on. */
export class ApiError extends Error {
  status: number;
  code: string;
  title: string;
  detail: string;
  errors: FieldError[];
  requestId: string;
  data: Record<string, unknown>;
  constructor(body: Partial<ProblemBody> & { status: number }) {
    super(body.detail || body.title || "");
    this.status = body.status;
    this.code = body.code || "";
    this.title = body.title || fallbackTitle(body.status);
    this.detail = body.detail || "";
    this.errors = body.errors || [];
    this.requestId = body.request_id || "";
    this.data = body.data || {};
  }
}

export const network = reactive({ offline: typeof navigator !== "undefined" && navigator.onLine === false });
window.addEventListener("online", () => (network.offline = false));
window.addEventListener("offline", () => (network.offline = true));

let onSignedOut: () => void = () => undefined;
/** Called on every 401 of the API: the router goes to the sign-in page and remembers where it was. */
export function whenSignedOut(handler: () => void) { onSignedOut = handler; }

let onReason: (error: ApiError) => Promise<string> = async () => "";
/** Asked when the server wants to know why something is read (428); "" when the person does not say. */
export function whenReasonNeeded(handler: (error: ApiError) => Promise<string>) { onReason = handler; }

let onMust: () => void = () => undefined;
/** Called when the account has to do something first: a second step, a new password. */
export function whenMust(handler: () => void) { onMust = handler; }
const MUST = ["mfa_required", "password_change_required"];

/** The reason given holds for everything that is read on the same page. */
const given = { page: "", reason: "" };
let asked: Promise<string> | null = null;

/** A key per act of the person: the same key on a repeated send makes the server answer with the first result. */
export function newKey(): string {
  // crypto.randomUUID exists on HTTPS only; an intranet trial may still run on HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => (b < 16 ? "0" : "") + b.toString(16)).join("");
}

export const api = {
  session: () => send<Session>("GET", `${V1}/session`),
  home: (h: string) => send<Home>("GET", `${V1}/h/${h}/home`),
  hospitals: () => send<HospitalRef[]>("GET", `${V1}/hospitals`),
  menu: (h: string) => send<MenuEntry[]>("GET", `${V1}/h/${h}/menu`),
  spec: (h: string, key: string) => send<ResourceSpec>("GET", `${resource(h, key)}`),
  rows: (h: string, key: string, query: Record<string, string>, signal?: AbortSignal) =>
    send<Rows>("GET", `${resource(h, key)}/rows${queryString(query)}`, { signal }),
  rowsAt: (url: string, query: Record<string, string>) => send<Rows>("GET", url + queryString(query, url.indexOf("?") >= 0 ? "&" : "?")),
  detail: (h: string, key: string, uid: string) => send<Detail>("GET", `${resource(h, key)}/rows/${encodeURIComponent(uid)}`),
  command: (h: string, key: string, verb: string, body: Record<string, unknown>, idempotencyKey: string) =>
    send<CommandResult>("POST", `${resource(h, key)}/commands/${encodeURIComponent(verb)}`, { body, idempotencyKey }),
  exportRows: (h: string, key: string, body: Record<string, unknown>, idempotencyKey: string) =>
    send<ExportAnswer>("POST", `${resource(h, key)}/export`, { body, idempotencyKey }),
  job: (h: string, uid: string) => send<Job>("GET", `${V1}/h/${h}/jobs/${uid}`),
  cancelJob: (h: string, uid: string) => send<Job>("POST", `${V1}/h/${h}/jobs/${uid}/cancel`, { body: {}, idempotencyKey: newKey() }),
  resumeJob: (h: string, uid: string) => send<Job>("POST", `${V1}/h/${h}/jobs/${uid}/resume`, { body: {}, idempotencyKey: newKey() }),
  plugins: (h: string) => send<PluginInfo[]>("GET", `${V1}/h/${h}/plugins`),
  switchPlugin: (h: string, id: string, on: boolean) =>
    send<unknown>("POST", `${V1}/h/${h}/plugins/${encodeURIComponent(id)}/${on ? "enable" : "disable"}`, { body: {}, idempotencyKey: newKey() }),
  uploadFile: (h: string, file: File, onProgress?: (part: number) => void) =>
    upload<{ uid: string; name: string; size: number }>(`${V1}/h/${h}/files`, { file }, onProgress),
  fileUrl: (h: string, uid: string) => `${V1}/h/${h}/files/${uid}/content`,
  datasets: (h: string) => send<Dataset[]>("GET", `${V1}/h/${h}/lake/datasets`),
  lakeUpload: (h: string, file: File, dataset: string, onProgress?: (part: number) => void) =>
    upload<Upload>(`${V1}/h/${h}/lake/uploads`, { file, dataset }, onProgress),
  preview: (h: string, uid: string, plan: ImportPlan) => send<Preview>("POST", `${V1}/h/${h}/lake/uploads/${uid}/preview`, { body: plan }),
  startImport: (h: string, uid: string, plan: ImportPlan & { accept_partial: boolean }, idempotencyKey: string) =>
    send<{ job: string | { uid: string } }>("POST", `${V1}/h/${h}/lake/uploads/${uid}/import`, { body: plan, idempotencyKey }),
  sourceRow: (h: string, uid: string, n: string) => send<SourceRow>("GET", `${V1}/h/${h}/lake/imports/${uid}/rows/${n}`),

  signIn: (username: string, password: string) => allauth("POST", "/auth/login", { username, password }),
  secondFactor: (code: string) => allauth("POST", "/auth/2fa/authenticate", { code }),
  signOut: () => allauth("DELETE", "/auth/session"),
  changePassword: (current_password: string, new_password: string) =>
    allauth("POST", "/account/password/change", { current_password, new_password }),
};

export interface ExportAnswer { job?: string | { uid: string } | null; request?: { uid: string; href?: string } | null }
export interface ImportPlan { sheet?: string; mapping: Record<string, string>; where?: string; mode: ImportMode }

/** A GET of the API with its query; what only some pages ask for stands in cms.ts and search.ts, outside the first load. */
export function get<T>(path: string, query: Record<string, string> = {}, signal?: AbortSignal): Promise<T> {
  return send<T>("GET", V1 + path + queryString(query), { signal });
}

/** Any other request of the API; a write carries a key, so that it happens once. */
export function call<T>(method: string, path: string, body?: unknown, idempotencyKey = newKey()): Promise<T> {
  return send<T>(method, V1 + path, { body, idempotencyKey: method === "GET" ? undefined : idempotencyKey });
}
export function sendFile<T>(path: string, parts: Record<string, string | File>, onProgress?: (part: number) => void): Promise<T> {
  return upload<T>(V1 + path, parts, onProgress);
}
/** A file that the server may refuse: its content and name, or the reason as an error. */
export async function fileAt(url: string): Promise<{ blob: Blob; name: string }> {
  const response = await fetchOnce("GET", url, {});
  if (!response.ok) throw await problemOf(response, await readJson(response));
  const said = response.headers.get("Content-Disposition") || "";
  const star = /filename\*=UTF-8''([^;]+)/i.exec(said), plain = /filename="?([^";]+)"?/i.exec(said);
  return { blob: await response.blob(), name: star ? decodeURIComponent(star[1]) : plain ? plain[1] : "" };
}

/** The uid in an answer that names a job either by uid or by object. */
export function jobUid(job: string | { uid: string } | null | undefined): string {
  return !job ? "" : typeof job === "string" ? job : job.uid;
}

/** The error of any thrown thing, so that pages need one kind only. */
export function asError(thrown: unknown): ApiError {
  if (thrown instanceof ApiError) return thrown;
  return new ApiError({ status: 0, code: "page", title: "页面出了问题", detail: "请刷新后再试；若仍不行，请告诉信息科。" });
}

export interface AllauthAnswer {
  status: number; errors: { code?: string; param?: string; message: string }[]; pending: string[]; detail: string;
  /** ways that are open now, with the kinds of second step each takes */
  flows: { id: string; is_pending?: boolean; types?: string[] }[];
  data: Record<string, unknown>; meta: Record<string, unknown>;
}

/** allauth answers with its own shape; 401 is the success answer of signing out and means "more steps" on signing in. */
export async function allauth(method: string, path: string, body?: unknown): Promise<AllauthAnswer> {
  const response = await fetchOnce(method, ALLAUTH + path, { body });
  const json = ((await readJson(response)) || {}) as { errors?: AllauthAnswer["errors"]; detail?: string; code?: string; data?: Record<string, unknown>; meta?: Record<string, unknown> };
  if (response.status >= 500 || (response.status === 403 && (json.code || !json.errors))) throw await problemOf(response, json);
  const data = json.data && !Array.isArray(json.data) ? json.data : {};
  const flows = (data.flows || []) as AllauthAnswer["flows"];
  return { status: response.status, errors: json.errors || [], pending: flows.filter((f) => f.is_pending).map((f) => f.id), detail: json.detail || "", flows, data, meta: json.meta || {} };
}

interface Options { body?: unknown; idempotencyKey?: string; signal?: AbortSignal }

async function send<T>(method: string, url: string, options: Options = {}): Promise<T> {
  const response = await fetchOnce(method, url, options);
  const json = response.status === 204 ? null : await readJson(response);
  if (!response.ok) {
    const error = await problemOf(response, json);
    if (response.status === 401) onSignedOut();
    if (response.status === 403 && MUST.indexOf(error.code) >= 0) onMust();
    if (response.status === 428 && error.code === "reason_needed") {
      const page = location.pathname;
      asked = asked || onReason(error).finally(() => (asked = null)); // several parts of a page ask once
      const reason = await asked;
      if (reason && page === location.pathname) {
        given.page = page;
        given.reason = reason;
        return send<T>(method, url, options);
      }
    }
    throw error;
  }
  return json as T;
}

async function fetchOnce(method: string, url: string, options: Options): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  if (given.reason && given.page === location.pathname) headers["X-Read-Reason"] = encodeURIComponent(given.reason);
  if (options.idempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey;
  try {
    const response = await fetch(url, {
      method, headers, credentials: "same-origin", signal: options.signal,
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
    });
    network.offline = false;
    return response;
  } catch (thrown) {
    if ((thrown as Error).name === "AbortError") throw thrown;
    throw noNetwork();
  }
}

/** Uploads go through XMLHttpRequest: fetch cannot tell how much has been sent. */
function upload<T>(url: string, parts: Record<string, string | File>, onProgress?: (part: number) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    Object.keys(parts).forEach((name) => form.append(name, parts[name]));
    const request = new XMLHttpRequest();
    request.open("POST", url);
    request.setRequestHeader("X-CSRFToken", csrfToken());
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Idempotency-Key", newKey());
    request.upload.onprogress = (event) => {
      if (onProgress && event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () => reject(noNetwork());
    request.onload = () => {
      const json = parse(request.responseText);
      if (request.status >= 200 && request.status < 300) return resolve(json as T);
      if (request.status === 401) onSignedOut();
      return reject(new ApiError({ ...(isProblem(json) ? json : {}), status: request.status }));
    };
    request.send(form);
  });
}

function noNetwork(): ApiError {
  network.offline = navigator.onLine === false;
  return new ApiError({
    status: 0, code: "offline", title: "连不上服务器",
    detail: "您填写的内容还在这里。请检查网络，恢复后再试一次。",
  });
}

async function readJson(response: Response): Promise<unknown> {
  return parse(await response.text());
}

function parse(text: string): unknown {
  try { return text ? JSON.parse(text) : null; } catch { return null; }
}

async function problemOf(response: Response, json: unknown): Promise<ApiError> {
  return new ApiError({ ...(isProblem(json) ? json : {}), status: response.status });
}

function isProblem(json: unknown): json is ProblemBody {
  return !!json && typeof json === "object" && ("code" in json || "title" in json || "detail" in json);
}

function fallbackTitle(status: number): string {
  if (status === 401) return "请先登录";
  if (status === 403 || status === 404) return "没有找到，或您无权查看";
  if (status === 410) return "这个文件不能再下载了";
  if (status === 428) return "需要先说明理由";
  if (status === 409) return "这条内容刚刚被别人改过";
  if (status === 413) return "文件太大";
  if (status === 429) return "操作太频繁，请稍后再试";
  if (status >= 500) return "服务器暂时出了问题";
  return "没有办成";
}

function csrfToken(): string {
  const found = /(?:^|;\s*)csrftoken=([^;]+)/.exec(document.cookie);
  return found ? decodeURIComponent(found[1]) : "";
}

function resource(hospital: string, key: string): string {
  return `${V1}/h/${hospital}/resources/${encodeURIComponent(key)}`;
}

function queryString(query: Record<string, string>, lead = "?"): string {
  const parts = Object.keys(query).filter((k) => query[k] !== "").map((k) => `${encodeURIComponent(k)}=${encodeURIComponent(query[k])}`);
  return parts.length ? lead + parts.join("&") : "";
}
