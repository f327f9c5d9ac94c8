// The people of the hospital from a file: what the server says about kinds, files and differences.
import { call, get, sendFile } from "./api";
import type { DatasetColumn, Finding, Value } from "./types";

export interface Kind { key: string; label: string; description?: string; template_href?: string; columns: (DatasetColumn & { example?: string })[] }
export interface RosterUpload {
  uid: string; name: string; kind: string; sheets: { name: string; hidden?: boolean; rows?: number | null }[]; sheet: string;
  columns: { name: string; sample?: Value[] }[]; mapping: Record<string, string | null>;
}
export interface DiffRow { key: string; name: string; text?: string; from?: string | null; to?: string | null }
export interface DiffGroup { kind: string; label: string; count: number; rows: DiffRow[] }
export interface Difference {
  counts: Record<string, number>; groups: DiffGroup[]; questions: { id: string; text: string; options: { value: string; label: string }[] }[];
  findings: Finding[]; digest: string; can_apply?: boolean; mapping?: Record<string, string | null>; columns?: RosterUpload["columns"];
}
export interface Plan { sheet?: string; mapping?: Record<string, string>; on?: string; complete: boolean }

export const roster = {
  kinds: (h: string) => get<Kind[]>(`/h/${h}/roster/kinds`),
  upload: (h: string, file: File, kind: string, onProgress: (part: number) => void) => sendFile<RosterUpload>(`/h/${h}/roster/uploads`, { file, kind }, onProgress),
  preview: (h: string, uid: string, plan: Plan) => call<Difference>("POST", `/h/${h}/roster/uploads/${uid}/preview`, plan),
  apply: (h: string, uid: string, body: { digest: string; answers: Record<string, string>; leave_out: string[] }, key: string) =>
    call<{ job: string | { uid: string }; change_set?: string | null }>("POST", `/h/${h}/roster/uploads/${uid}/apply`, body, key),
};
