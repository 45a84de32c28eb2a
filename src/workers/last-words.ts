// At whose event has this process failed? Asked of Node in the moment in which nobody caught an error: nothing is kept for it
// while all goes well. It must never throw, and an answer may be missing: then nobody is blamed.

/** The other end of a socket, as the socket has it. */
export interface RemoteEnd {
  readonly address: string;
  readonly port: number;
}

/** A tick has few arguments. */
const MOST_ARGUMENTS = 4;

/** Undefined where the event belongs to no socket, or to one that is closed by now. */
export function remoteEndOfEvent(): RemoteEnd | undefined {
  try {
    const resource = process.getBuiltinModule('node:async_hooks').executionAsyncResource();
    return remoteEndOf(resource) ?? remoteEndOfTick(resource);
  } catch {
    return undefined;
  }
}

/** Streams of Node tell of an error, an end or a chunk in a tick of their own, whose arguments lead to the socket. */
function remoteEndOfTick(tick: object): RemoteEnd | undefined {
  const passed: unknown = Reflect.get(tick, 'args');
  if (!Array.isArray(passed)) return undefined;
  for (const argument of passed.slice(0, MOST_ARGUMENTS)) {
    const end = remoteEndOf(argument);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** Of a socket, of a handle of the system's, or of what belongs to a socket: a request, a response, an HTTP parser. */
function remoteEndOf(value: unknown): RemoteEnd | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return endIn(value) ?? endOfHandle(value) ?? endIn(Reflect.get(value, 'socket'));
}

function endIn(value: unknown): RemoteEnd | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  return remoteEnd(Reflect.get(value, 'remoteAddress'), Reflect.get(value, 'remotePort'));
}

function endOfHandle(handle: object): RemoteEnd | undefined {
  const name: unknown = Reflect.get(handle, 'getpeername');
  if (typeof name !== 'function') return undefined;
  const found = {};
  Reflect.apply(name, handle, [found]);
  return remoteEnd(Reflect.get(found, 'address'), Reflect.get(found, 'port'));
}

function remoteEnd(address: unknown, port: unknown): RemoteEnd | undefined {
  return typeof address === 'string' && typeof port === 'number' ? { address, port } : undefined;
}
