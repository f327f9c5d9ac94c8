// The shapes that /api/v1 returns. Money and decimals arrive as strings and are never turned into floats for display.

export type Value = string | number | boolean | null | LinkValue | string[];
export interface LinkValue { label: string; href?: string | null; value?: string }

export interface FieldError { pointer?: string; row?: number | null; cell?: string | null; message: string; cure?: string }
export interface ProblemBody {
  type?: string; code: string; title: string; detail?: string; status: number;
  errors?: FieldError[]; request_id?: string; data?: Record<string, unknown>;
}

export interface HospitalRef { slug: string; name: string; roles?: { code: string; label: string; delegated_from?: string | null }[] }
export interface Session {
  signed_in: boolean; csrf?: string;
  user?: { uid: string; name: string; username: string };
  hospitals?: HospitalRef[];
  must?: ("mfa" | "password")[]; // to be done before anything else answers
  pending?: string[]; // "mfa": the password was right, the second step is awaited
  view_as?: { name: string; hospital: string; until: string } | null;
  admin_href?: string; // the content administration, for whom it is open
}

export interface MenuEntry { key: string; label: string; href: string; icon?: string; group?: string }

export interface Due { days_left?: number | null; text?: string; basis?: string }
export interface Home {
  hospital: HospitalRef; me: { name: string; role_labels: string[] };
  greeting: string; date_line: string;
  todo: { n: number; sentence: string; items: { title: string; hint?: string; href: string; action_label?: string; due?: Due }[]; more?: { n: number; label: string; href: string }[] };
  notices?: { open: number };
  tiles: { glyph: string; label: string; href: string }[];
  cards: HomeCard[];
}
export interface HomeCard {
  kind: "figures" | "list" | "notice"; title: string; hint?: string; text?: string; href?: string; empty?: string;
  items?: (Fact & ListItem & { level?: string })[]; more?: { label: string; href: string };
}
export interface Fact { label: string; value: string | number; unit?: string; hint?: string; href?: string; masked?: boolean }
export interface ListItem { label: string; href?: string; hint?: string; level?: string }

export type ColumnType = "text" | "number" | "money" | "percent" | "date" | "datetime" | "month" | "bool" | "level" | "state" | "link" | "person" | "code";
export interface Column {
  key: string; label: string; type: ColumnType; align?: "left" | "right" | "start" | "end"; sortable?: boolean;
  primary?: boolean; secondary?: boolean; width?: string | number; labels?: Record<string, string>; unit?: string; hint?: string;
}
export interface Choice { value: string; label: string; count?: number }
export interface FilterSpec { key: string; label: string; type: "choice" | "text" | "date_range" | "number_range" | "bool"; choices?: Choice[] }

export type FieldType = "text" | "textarea" | "number" | "money" | "date" | "month" | "choice" | "choices" | "file" | "files" | "bool" | "person" | "department" | "lookup";
export interface FormField {
  key: string; label: string; type: FieldType; required?: boolean; help?: string; choices?: Choice[];
  max_length?: number; resource?: string; value?: unknown; unit?: string;
  /** Asked only while that field has one of these values. */
  only_with?: { key: string; values: string[] };
}
export interface FormSpec { title?: string; fields: FormField[]; submit_label?: string; help?: string }
export interface Action {
  verb: string; label: string; style?: "primary" | "plain" | "quiet"; scope?: "row" | "list";
  form?: FormSpec | null; confirm?: string | { title?: string; text?: string } | null;
}
export interface ResourceSpec {
  key: string; label: string; label_plural?: string; plugin?: string; data_class?: number; question?: string;
  columns: Column[]; filters?: FilterSpec[]; orders?: { key: string; label: string }[]; default_order?: string;
  actions?: Action[]; export?: boolean | ExportRule; search?: boolean; empty?: { title: string; hint?: string; action?: { label: string; href: string } };
}
/** What has to be said before rows leave as a file. */
export interface ExportRule { class: number; needs_purpose: boolean; needs_approval: boolean; row_limit?: number | null; purposes?: Choice[]; expires_days?: number; watermark?: string }
export interface Row {
  level?: number | null; // depth in a tree
  uid: string; version?: number; state?: string; label?: string; href?: string | null;
  values: Record<string, Value>; masked?: string[]; actions?: string[];
}
export interface Rows { rows: Row[]; next: string | null; count?: { value: number; capped: boolean } | null; as_of?: string | null; columns?: Column[] }

export interface PanelBase { id: string; kind: string; place?: "main" | "side"; tabs?: string; title?: string; hint?: string }
export interface SayPanel extends PanelBase { kind: "say"; text: string }
export interface FactsPanel extends PanelBase { kind: "facts"; items: Fact[] }
export interface FieldsPanel extends PanelBase { kind: "fields"; items: { key: string; label: string; type: ColumnType; value: Value; masked?: boolean; labels?: Record<string, string> }[] }
export interface ChartTable { columns: (Column | string)[]; rows: (Record<string, Value> | Value[])[] }
export interface ChartPanel extends PanelBase {
  kind: "chart"; form?: "line" | "bar"; x: string[];
  series: { key: string; label: string; role?: "subject" | "other"; values: (string | number | null)[] }[];
  band?: { label: string; low: (string | number | null)[]; high: (string | number | null)[] } | null;
  limits?: { label: string; value: string | number }[]; notes?: { x: string; text: string }[]; unit?: string; table?: ChartTable | null;
}
export interface TablePanel extends PanelBase {
  kind: "table"; columns: Column[]; rows?: (Row | Record<string, Value>)[]; source?: { url: string } | null;
  count?: { value: number; capped: boolean } | number | null; empty?: string | { title: string; hint?: string };
}
export interface Step { state: "done" | "now" | "todo"; title: string; who?: string; at?: string | null; note?: string; files?: { name: string; href: string }[]; due?: Due | string | null }
export interface StepsPanel extends PanelBase { kind: "steps"; items: Step[] }
export interface TextPanel extends PanelBase { kind: "text"; body: string; format?: "code" }
export interface ListPanel extends PanelBase { kind: "list"; items: ListItem[]; empty?: string }
export type Panel = SayPanel | FactsPanel | FieldsPanel | ChartPanel | TablePanel | StepsPanel | TextPanel | ListPanel;

export interface Detail {
  row: Row; title: string; subtitle?: string; breadcrumbs?: { label: string; href?: string | null }[];
  badges?: { kind: "level" | "tag"; value: string; label: string }[]; panels: Panel[]; actions?: Action[];
  viewers?: string | { text?: string; items?: { label: string; n?: number; at?: string }[] } | null;
}
export interface ConflictField { key: string; label: string; current: Value; yours: Value }
export interface CommandResult { data?: Record<string, unknown> | null; row?: Row | null; message?: string; href?: string | null; job?: string | { uid: string } | null }

export interface Job {
  uid: string; kind: string; label: string; state: "queued" | "running" | "done" | "failed" | "cancelled" | "paused";
  done: number; total: number | null; note?: string; state_label?: string; result?: Record<string, unknown> | null; error?: ProblemBody | null;
  can_cancel?: boolean; can_resume?: boolean; href?: string | null;
}
export interface PluginInfo {
  id: string; name: string; description: string; version: string; enabled: boolean; state?: string; needs?: string[];
  data_class?: number | null; removal?: string; can_change?: boolean; reason?: string; cure?: string;
}

export interface DatasetColumn { key: string; label: string; type: string; required?: boolean; help?: string; aliases?: string[] }
export interface Dataset { key: string; label: string; description?: string; columns: DatasetColumn[]; modes?: ImportMode[] }
export type ImportMode = "add" | "replace_months";
export interface Upload {
  uid: string; name?: string; file?: string; size?: number; sheets?: { name: string; rows?: number | null; columns?: { name: string; sample?: Value[] }[]; mapping?: Record<string, string | null> }[];
  modes?: ImportMode[]; notes?: string[];
  encoding?: string; format?: string; columns: { name: string; sample?: Value[] }[]; mapping: Record<string, string | null>; source?: string;
}
export interface Finding { severity: "error" | "warning"; sheet?: string; row?: number | null; column?: string; cell?: string; message: string; cure?: string; count?: number }
export interface Preview {
  rows_in: number; rows_good: number; rows_bad: number; rows_filtered: number; rows_superseded?: number; same_as?: string | null;
  months?: { month: string; rows: number; existing_version?: number | null }[];
  findings?: Finding[]; sample?: Record<string, Value>[]; columns?: ({ key: string; label: string } | string)[];
}
export interface SourceRow {
  file: string; sheet?: string; row: number; columns: { name: string; value: Value; label?: string }[];
  landed?: Record<string, Value> | { label: string; value: Value }[]; imported_at?: string; imported_by?: string; import_href?: string; label?: string;
}
