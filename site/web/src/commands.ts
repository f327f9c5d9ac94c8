// Sending one action with its form: used by the dialog and by the form page, so that a conflict is treated alike everywhere.
import { reactive } from "vue";
import { api, ApiError, asError } from "./api";
import { checkForm, focusFirstError, makeForm, payload, showErrors, touch, type FormState } from "./form";
import type { Action, CommandResult, ConflictField, FormSpec, Row, Value } from "./types";

export const NO_FORM: FormSpec = { fields: [] };

export interface Command {
  action: Action; spec: FormSpec; form: FormState; conflict: ConflictField[] | null; conflictNote: string; version: number | undefined;
  /** undefined while refused; the server's answer when done */
  send: () => Promise<CommandResult | undefined>;
  /** after a conflict: the chosen values, sent with the version that is in the store now */
  resend: (values: Record<string, Value>) => Promise<CommandResult | undefined>;
}

export function makeCommand(hospital: string, resource: string, action: Action, row: Row | null): Command {
  const spec = action.form || NO_FORM;
  const command: Command = reactive({
    action, spec, form: makeForm(spec, action.verb === "edit" || action.verb === "update" ? (row ? row.values : {}) : {}),
    conflict: null as ConflictField[] | null, conflictNote: "", version: row ? row.version : undefined,
    send, resend,
  });
  return command;

  async function send() {
    const form = command.form;
    if (form.sending) return undefined;
    if (!checkForm(spec, form)) { focusFirstError(); return undefined; }
    form.sending = true;
    try {
      const { values, files } = await payload(spec, form);
      const body: Record<string, unknown> = { values };
      if (row) body.uid = row.uid;
      if (command.version !== undefined) body.expected_version = command.version;
      if (files.length) body.files = files;
      const result = await api.command(hospital, resource, action.verb, body, form.key);
      form.dirty = false;
      command.conflict = null;
      return result;
    } catch (thrown) {
      const error = asError(thrown);
      if (!takeConflict(error)) { showErrors(spec, form, error); focusFirstError(); }
      return undefined;
    } finally {
      form.sending = false;
    }
  }

  function takeConflict(error: ApiError): boolean {
    const fields = error.data.fields as ConflictField[] | undefined;
    const current = (error.data.current || {}) as Record<string, Value>;
    if (error.status !== 409 || (!fields && !error.data.current)) return false;
    const version = error.data.version !== undefined ? error.data.version : current.version;
    if (typeof version === "number") command.version = version;
    command.conflictNote = error.detail;
    command.conflict = fields || [];
    return true;
  }

  async function resend(values: Record<string, Value>) {
    Object.keys(values).forEach((key) => { command.form.values[key] = values[key] === null ? "" : values[key]; touch(command.form, key); });
    touch(command.form, "");
    return send();
  }
}
