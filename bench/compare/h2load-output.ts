// Reads the result of a run from h2load's output: how many calls succeeded and how many bytes came back.

export interface Judgement {
  readonly succeededCalls: number;
  /** Undefined if every call was answered completely. */
  readonly problem: string | undefined;
}

/** Checks the size of the responses too: a gRPC error also has HTTP status 200, and only the size shows that the service answered. */
export function judge(output: string, calls: number, responseBytes: number): Judgement {
  const requests =
    /^requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout$/m.exec(
      output,
    );
  const statusCodes = /^status codes: (\d+) 2xx/m.exec(output);
  const traffic = /^traffic: .*\((\d+)\) data$/m.exec(output);
  if (requests === null || statusCodes === null || traffic === null) {
    throw new Error(`h2load's output is not understood:\n${output}`);
  }
  const succeededCalls = Math.min(Number(requests[1]), Number(statusCodes[1]));
  const dataBytes = Number(traffic[1]);
  if (succeededCalls < calls) {
    return { succeededCalls, problem: `${calls - succeededCalls} of ${calls} calls dropped` };
  }
  if (dataBytes !== calls * responseBytes) {
    return { succeededCalls, problem: `${dataBytes} response bytes instead of ${calls * responseBytes}` };
  }
  return { succeededCalls, problem: undefined };
}
