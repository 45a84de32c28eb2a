// The value of grpc-retry-pushback-ms, by which a service says when it wants a call again (gRPC proposal A6, "Pushback").

const MOST_MS = 0x7fff_ffff;

/** @returns how long the call has to wait, or -1 if it must not be sent again (negative, not a number, or more than 32 bits) */
export function pushbackMs(value: string): number {
  if (!/^[0-9]{1,10}$/.test(value)) return -1;
  const waitMs = Number(value);
  return waitMs <= MOST_MS ? waitMs : -1;
}
