// What h2load says of a run: calls that succeeded, octets that came back.

export interface Judgement {
  readonly succeededCalls: number;
  /** Undefined when every call was answered in full. */
  readonly problem: string | undefined;
}

/** A gRPC error is HTTP 200 as well: only the size of the answers tells whether the service gave them. */
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
