// Finds the socket whose event has made this process fail, by asking Node at the moment of an uncaught error. Nothing is recorded while
// all goes well. It must never throw. If it finds no socket, no client is blamed.

/** The address and port of a socket's peer. */
export interface RemoteEnd {
  readonly address: string;
  readonly port: number;
}

/** How many arguments of a tick are examined. Ticks have few. */
const MOST_ARGUMENTS = 4;

/** Undefined if the event belongs to no socket, or to a socket that is closed by now. */
export function remoteEndOfEvent(): RemoteEnd | undefined {
  try {
    const resource = process.getBuiltinModule('node:async_hooks').executionAsyncResource();
    return remoteEndOf(resource) ?? remoteEndOfTick(resource);
  } catch {
    return undefined;
  }
}

/** Node's streams report an error, an end or a chunk in a separate tick, whose arguments lead to the socket. */
function remoteEndOfTick(tick: object): RemoteEnd | undefined {
  const passed: unknown = Reflect.get(tick, 'args');
  if (!Array.isArray(passed)) return undefined;
  for (const argument of passed.slice(0, MOST_ARGUMENTS)) {
    const end = remoteEndOf(argument);
    if (end !== undefined) return end;
  }
  return undefined;
}

/** @param value a socket, a handle, or an object with a socket: a request, a response, an HTTP parser */
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
