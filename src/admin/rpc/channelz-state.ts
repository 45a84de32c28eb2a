// What grpc.channelz.v1 shows of a proxy, in its own words: upstreams are channels, endpoints subchannels, listeners servers.

import type { SocketEnd, SocketPage, SocketQuery } from '../../calls/socket-report.ts';

/** By the numbers of ChannelConnectivityState. */
export const CONNECTIVITY = [
  'UNKNOWN',
  'IDLE',
  'CONNECTING',
  'READY',
  'TRANSIENT_FAILURE',
  'SHUTDOWN',
] as const;
export type Connectivity = (typeof CONNECTIVITY)[number];

export interface CallCounts {
  readonly started: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** Why an endpoint gets no calls now. */
export interface Trouble {
  readonly sentence: string;
  readonly sinceEpochMs?: number | undefined;
}

export interface ChannelFacts {
  readonly id: number;
  readonly name: string;
  readonly target: string;
  readonly state: Connectivity;
  readonly calls: CallCounts;
  readonly troubles: readonly Trouble[];
}

export interface ShownSubchannel extends ChannelFacts {
  readonly upstream: string;
}

export interface ShownChannel extends ChannelFacts {
  readonly subchannels: readonly ShownSubchannel[];
}

export interface ShownServer {
  readonly id: number;
  readonly name: string;
  readonly calls: CallCounts;
  readonly listening: {
    readonly id: number;
    /** '127.0.0.1:8443', '[::]:8443' or 'unix:/path'. */
    readonly name: string;
    /** Undefined for a Unix socket. */
    readonly end: SocketEnd | undefined;
  };
}

export interface ChannelzState {
  channels(): Promise<readonly ShownChannel[]>;
  servers(): Promise<readonly ShownServer[]>;
  sockets(query: SocketQuery): Promise<SocketPage>;
}
