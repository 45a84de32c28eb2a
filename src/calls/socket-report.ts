// Questions about the HTTP/2 connections of a process, and the answers to them, which those of several processes are merged into.

/** How many connections one answer has at most. */
export const MOST_SOCKETS = 500;

/** Asks for the connections of clients at one listener, or for those to one endpoint, or for a single one. */
export type SocketQuery = {
  /** Only connections with this identifier or a higher one. */
  readonly from: number;
  /** From 1 to MOST_SOCKETS. */
  readonly limit: number;
} & (
  | { readonly of: 'listener'; readonly listener: string }
  | { readonly of: 'endpoint'; readonly upstream: string; readonly address: string }
  | { readonly of: 'id'; readonly id: number }
);

export interface SocketEnd {
  readonly address: string;
  readonly port: number;
}

export interface SocketReport {
  /** Of this connection in this run of the service, and of no other. */
  readonly id: number;
  readonly name: string;
  readonly state: 'ready' | 'draining';
  /** Undefined for a Unix socket. */
  readonly local?: SocketEnd | undefined;
  readonly remote?: SocketEnd | undefined;
  /** The standard name of the cipher suite. Undefined for plaintext. */
  readonly cipher?: string | undefined;
  /** Whether this side opens the streams. */
  readonly isClient: boolean;
  readonly streamsStarted: number;
  readonly streamsFailed: number;
  readonly streamsOpen: number;
  readonly pingsSent: number;
  readonly sendWindow: number;
  readonly receiveWindow: number;
}

export interface SocketPage {
  /** In the order of their identifiers. */
  readonly sockets: readonly SocketReport[];
  readonly hasMore: boolean;
}

export function mergeSocketPages(pages: readonly SocketPage[], { limit }: SocketQuery): SocketPage {
  const all = pages.flatMap(({ sockets }) => sockets).toSorted((one, other) => one.id - other.id);
  return {
    sockets: all.slice(0, limit),
    hasMore: all.length > limit || pages.some(({ hasMore }) => hasMore),
  };
}

/** The finished gRPC calls of clients at one listener. */
export interface ListenerCalls {
  readonly listener: string;
  readonly succeeded: number;
  readonly failed: number;
}

export function mergeListenerCalls(lists: readonly (readonly ListenerCalls[])[]): readonly ListenerCalls[] {
  const merged = new Map<string, ListenerCalls>();
  for (const { listener, succeeded, failed } of lists.flat()) {
    const known = merged.get(listener);
    merged.set(listener, {
      listener,
      succeeded: succeeded + (known?.succeeded ?? 0),
      failed: failed + (known?.failed ?? 0),
    });
  }
  return [...merged.values()];
}
