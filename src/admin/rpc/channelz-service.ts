// grpc.channelz.v1.Channelz of the admin server. Nothing is kept between two questions, and each answer has a bounded size.

import { MOST_SOCKETS } from '../../calls/socket-report.ts';
import { ProtobufWriter } from '../../grpc/protobuf-writer.ts';
import { GrpcStatus } from '../../grpc/status.ts';
import {
  channelMessage,
  listeningMessage,
  serverMessage,
  socketMessage,
  socketRef,
  subchannelMessage,
} from './channelz-messages.ts';
import type { ChannelzState, ShownChannel, ShownServer } from './channelz-state.ts';
import { readFields } from './message-fields.ts';
import { RpcError, type RpcMethod, type RpcMethods } from './rpc-method.ts';

const DEFAULT_RESULTS = 100;
/** A page ends when it has this size, since clients of gRPC take 4 MiB. One entry alone is smaller than that. */
const MOST_PAGE_BYTES = 1_048_576;
/** What says the same over HTTP/1.1. */
const PAGE = '/api/upstreams';

interface Range {
  readonly from: number;
  readonly limit: number;
}

export class ChannelzService {
  readonly methods: RpcMethods;
  readonly #state: ChannelzState;
  /** The questions that are being answered: however many ask at a time, each is put once. */
  #channelsAsked: Promise<readonly ShownChannel[]> | undefined = undefined;
  #serversAsked: Promise<readonly ShownServer[]> | undefined = undefined;

  constructor(state: ChannelzState) {
    this.#state = state;
    const answers: Readonly<Record<string, (numbers: ReadonlyMap<number, number>) => Promise<Buffer>>> = {
      GetTopChannels: (numbers) => this.#topChannels(rangeOf(numbers, 1)),
      GetServers: (numbers) => this.#servers(rangeOf(numbers, 1)),
      GetServer: (numbers) => this.#server(idOf(numbers)),
      GetServerSockets: (numbers) => this.#serverSockets(idOf(numbers), rangeOf(numbers, 2)),
      GetChannel: (numbers) => this.#channel(idOf(numbers)),
      GetSubchannel: (numbers) => this.#subchannel(idOf(numbers)),
      GetSocket: (numbers) => this.#socket(idOf(numbers)),
    };
    this.methods = new Map<string, RpcMethod>(
      Object.entries(answers).map(([name, answer]) => [
        `/grpc.channelz.v1.Channelz/${name}`,
        { pageOf: () => PAGE, answer: (request) => answer(readFields(request).numbers) },
      ]),
    );
  }

  #askChannels(): Promise<readonly ShownChannel[]> {
    this.#channelsAsked ??= this.#state.channels().finally(() => {
      this.#channelsAsked = undefined;
    });
    return this.#channelsAsked;
  }

  #askServers(): Promise<readonly ShownServer[]> {
    this.#serversAsked ??= this.#state.servers().finally(() => {
      this.#serversAsked = undefined;
    });
    return this.#serversAsked;
  }

  async #topChannels(range: Range): Promise<Buffer> {
    return page(await this.#askChannels(), range, channelMessage);
  }

  async #servers(range: Range): Promise<Buffer> {
    return page(await this.#askServers(), range, serverMessage);
  }

  async #server(id: number): Promise<Buffer> {
    return wrapped(serverMessage(await this.#findServer(id)));
  }

  async #findServer(id: number): Promise<ShownServer> {
    return found(
      (await this.#askServers()).find((server) => server.id === id),
      'server',
      id,
    );
  }

  async #serverSockets(id: number, { from, limit }: Range): Promise<Buffer> {
    const { name } = await this.#findServer(id);
    const { sockets, hasMore } = await this.#state.sockets({ of: 'listener', listener: name, from, limit });
    const response = new ProtobufWriter();
    for (const socket of sockets) response.message(1, socketRef(socket));
    return response.number(2, Number(!hasMore)).bytes;
  }

  async #channel(id: number): Promise<Buffer> {
    const channels = await this.#askChannels();
    return wrapped(
      channelMessage(
        found(
          channels.find((channel) => channel.id === id),
          'channel',
          id,
        ),
      ),
    );
  }

  async #subchannel(id: number): Promise<Buffer> {
    const channels = await this.#askChannels();
    const all = channels.flatMap(({ subchannels }) => subchannels);
    const subchannel = found(
      all.find((one) => one.id === id),
      'subchannel',
      id,
    );
    const { upstream, target } = subchannel;
    const query = { of: 'endpoint', upstream, address: target, from: 0, limit: MOST_SOCKETS } as const;
    const { sockets } = await this.#state.sockets(query);
    return wrapped(subchannelMessage(subchannel, sockets));
  }

  async #socket(id: number): Promise<Buffer> {
    const listening = (await this.#askServers()).find((server) => server.listening.id === id);
    if (listening !== undefined) return wrapped(listeningMessage(listening));
    const { sockets } = await this.#state.sockets({ of: 'id', id, from: 0, limit: 1 });
    return wrapped(socketMessage(found(sockets[0], 'socket', id)));
  }
}

function idOf(numbers: ReadonlyMap<number, number>): number {
  return Math.min(numbers.get(1) ?? 0, Number.MAX_SAFE_INTEGER);
}

/** @param field the number of the first identifier that is wanted; that of how many follows it */
function rangeOf(numbers: ReadonlyMap<number, number>, field: number): Range {
  const wanted = numbers.get(field + 1) ?? 0;
  return {
    from: Math.min(numbers.get(field) ?? 0, Number.MAX_SAFE_INTEGER),
    limit: Math.min(wanted === 0 ? DEFAULT_RESULTS : wanted, MOST_SOCKETS),
  };
}

/** The entries from one identifier on, and whether they are the last. */
function page<Entry extends { readonly id: number }>(
  entries: readonly Entry[],
  { from, limit }: Range,
  write: (entry: Entry) => ProtobufWriter,
): Buffer {
  const wanted = entries.filter(({ id }) => id >= from).toSorted((one, other) => one.id - other.id);
  const response = new ProtobufWriter();
  let count = 0;
  while (count < wanted.length && count < limit && response.length < MOST_PAGE_BYTES)
    response.message(1, write(wanted[count++]));
  return response.number(2, Number(count === wanted.length)).bytes;
}

function found<Entry>(entry: Entry | undefined, kind: string, id: number): Entry {
  if (entry !== undefined) return entry;
  throw new RpcError(GrpcStatus.NOT_FOUND, `there is no ${kind} ${id}`);
}

/** The responses about one thing have it as their first field. */
function wrapped(message: ProtobufWriter): Buffer {
  return new ProtobufWriter().message(1, message).bytes;
}
