// Typed requests to /api/v1 on our own origin. Used by the pages and the call shell; knows nothing of React.
// Every failure becomes an `ApiError` with a code of the closed list, so that one catalogue of sentences is enough.
import { CODES, type Code, type ErrorBody } from "../wire/types";

/** What can go wrong before the server answers at all. */
export type Failure = Code | "unreachable";

export class ApiError extends Error {
  readonly code: Failure;
  /** For programmers; never shown. */
  readonly detail: string | undefined;
  readonly status: number;

  constructor(code: Failure, status: number, detail?: string) {
    super(code);
    this.name = "ApiError";
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}

type Method = "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
/** A request that hangs is worse than one that fails; uploads do not come this way. */
const TIMEOUT_MS = 15_000;

function isCode(value: unknown): value is Code {
  return CODES.includes(value as Code);
}

async function failure(response: Response): Promise<ApiError> {
  try {
    const body = (await response.json()) as Partial<ErrorBody>;
    if (isCode(body.code)) return new ApiError(body.code, response.status, body.detail ?? undefined);
  } catch {
    // a proxy answered, or the line broke in the middle: the status is all we have
  }
  const guess: Failure =
    response.status === 429
      ? "too_many"
      : response.status >= 502 && response.status <= 504
        ? "overloaded"
        : "internal";
  return new ApiError(guess, response.status);
}

/** `T` is the body of the answer; for an empty answer use `void`. */
export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      referrerPolicy: "no-referrer",
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("unreachable", 0);
  }
  if (!response.ok) throw await failure(response);
  const text = await response.text();
  try {
    return (text === "" ? undefined : JSON.parse(text)) as T;
  } catch {
    throw new ApiError("internal", response.status, "answer is not JSON");
  }
}

/** `path` below /api/v1. */
export function post<T>(path: string, body?: unknown): Promise<T> {
  return request<T>("POST", path, body);
}

/** The code of anything thrown, for showing its sentence. */
export function codeOf(error: unknown): Failure {
  return error instanceof ApiError ? error.code : "internal";
}
