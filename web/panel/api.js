// The API of the appliance: one function a call, errors as sentences.

/** An answer that is not the one that was asked for. */
export class ApiError extends Error {
  constructor(code, message, traceId, facts) {
    super(message);
    this.code = code;
    this.traceId = traceId;
    this.facts = facts;
  }
}

const PATIENCE_MS = 35000;

async function call(method, path, body, headers = {}) {
  const init = { method, headers: { ...headers }, signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body !== undefined) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError("unreachable", "The appliance cannot be reached.", null);
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  const error = answer?.error;
  const message = error?.message ?? `The appliance answered ${response.status}.`;
  throw new ApiError(error?.code ?? "unknown", message, error?.trace_id, error?.facts);
}

export const status = () => call("GET", "/api/v1/status");
export const entities = () => call("GET", "/api/v1/entities");
export const alarms = () => call("GET", "/api/v1/alarms");
export const turns = (limit) => call("GET", `/api/v1/turns?limit=${limit}`);
export const turn = (id) => call("GET", `/api/v1/turns/${encodeURIComponent(id)}`);
export const events = (limit) => call("GET", `/api/v1/events?limit=${limit}`);
export const sentences = () => call("GET", "/api/v1/sentences");
export const completions = (text, limit) =>
  call("GET", `/api/v1/completions?limit=${limit}&text=${encodeURIComponent(text)}`);
export const ask = (text, conversation) => call("POST", "/api/v1/ask", { text, conversation });
export const tool = (name, args, token) =>
  call("POST", `/api/v1/tools/${encodeURIComponent(name)}`, args, token ? { "Confirm-Token": token } : {});
export const listen = () => call("POST", "/api/v1/listen");
