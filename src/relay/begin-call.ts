// Begins the call of a client, whatever protocol its connection speaks. A call is an exchange; if a policy of its route translates
// the call, a translator stands in front of the exchange.

import type { CallStream } from '../calls/call-stream.ts';
import type { ClientCall, Translator } from '../calls/client-call.ts';
import type { Observers } from '../calls/observers.ts';
import type { HeaderList } from '../h2/hpack/header-list.ts';
import type { ClientAccount } from '../upstreams/client-account.ts';
import { Exchange } from './exchange.ts';
import type { ExchangeHome, RelayContext } from './relay-context.ts';
import type { RequestHead } from './request-head.ts';

/**
 * @param list what `head` was made of
 * @returns the owner of the client's stream. The caller must start it.
 */
export function beginCall(
  context: RelayContext,
  home: ExchangeHome,
  stream: CallStream,
  head: RequestHead,
  list: HeaderList,
): ClientCall {
  const { translation } = head;
  if (translation === undefined) return begun(context, new Exchange(context, home, stream, head), list);
  const translator = translation.begin(stream, () => home.exchangeFinished());
  const translated = new TranslatedHome(home, translator);
  translator.serve(begun(context, new Exchange(context, translated, translator, head), list));
  return translator;
}

function begun({ observers }: RelayContext, exchange: Exchange, list: HeaderList): Exchange {
  const { kind } = exchange.subject;
  exchange.trace = kind.tracing?.begin(kind, list);
  if (observers.wantMessages && exchange.subject.isGrpc) watchMessages(observers, exchange);
  return exchange;
}

function watchMessages(observers: Observers, exchange: Exchange): void {
  const watches = observers.watchMessages(exchange);
  if (watches === undefined) return;
  watches.request.encoding = exchange.subject.receivedHeader('grpc-encoding') ?? '';
  exchange.request.watch(watches.request);
  exchange.response.watch(watches.response);
}

/** The exchange of a call that `beginCall` has returned. */
export function exchangeOf(call: ClientCall): Exchange {
  let behind: ClientCall | undefined = call;
  while (behind !== undefined && !(behind instanceof Exchange)) behind = behind.translated;
  if (behind === undefined) throw new Error('a translator has lost its exchange');
  return behind;
}

/** Reports the end of an exchange to its translator, which reports it to the connection once the client has been sent everything. */
class TranslatedHome implements ExchangeHome {
  readonly #home: ExchangeHome;
  readonly #translator: Translator;

  constructor(home: ExchangeHome, translator: Translator) {
    this.#home = home;
    this.#translator = translator;
  }

  get mostHeaderListBytes(): number {
    return this.#home.mostHeaderListBytes;
  }

  get isHttp1(): boolean | undefined {
    return this.#home.isHttp1;
  }

  responseBegan(): void {
    this.#home.responseBegan();
  }

  accountFor(head: RequestHead): ClientAccount {
    return this.#home.accountFor(head);
  }

  exchangeFinished(): void {
    this.#translator.exchangeFinished();
  }
}
