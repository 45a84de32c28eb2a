// What policies change in the header sections of one call alone, after everything that is decided for its kind.

import { HeaderList } from '../h2/hpack/header-list.ts';
import { fieldsAt } from './endpoint-authority.ts';
import type { ForwardedFields } from './forward-template.ts';
import { HeaderEdits } from './header-edits.ts';
import type { RequestHead } from './request-head.ts';
import { ResponseHead } from './response-head.ts';

/** The call whose request is about to be sent. */
interface ChangedCall {
  readonly subject: RequestHead;
  /** Undefined if no policy looks at the call itself. */
  readonly changes?: CallChanges | undefined;
}

const NO_FIELDS = new HeaderList();

/** What a policy does not change is not made: it would be kept for as long as the call runs. */
export class CallChanges {
  #added: HeaderList | undefined = undefined;
  /** Whether `#added` belongs to this call alone, so that it may be changed. */
  #ownsAdded = false;
  #request: HeaderEdits | undefined = undefined;
  #response: HeaderEdits | undefined = undefined;
  /** `#request`, with its conditions about `#added` decided. */
  #decided: HeaderEdits | undefined = undefined;
  #forwarded: ForwardedFields | undefined = undefined;

  /** Fields that policies have added beside those of the client, under names that they have declared. */
  get added(): HeaderList {
    return this.#added ?? NO_FIELDS;
  }

  /** @param list is shared by calls, and is not changed */
  add(list: HeaderList): void {
    this.#decided = undefined;
    if (this.#added === undefined) {
      this.#added = list;
      return;
    }
    if (!this.#ownsAdded) {
      const own = new HeaderList();
      for (let index = 0; index < this.#added.length; index++) own.addFrom(this.#added, index);
      this.#added = own;
      this.#ownsAdded = true;
    }
    for (let index = 0; index < list.length; index++) this.#added.addFrom(list, index);
  }

  /** For edits of the request. */
  get request(): HeaderEdits {
    this.#request ??= new HeaderEdits();
    this.#decided = undefined;
    return this.#request;
  }

  /** For edits of the final response. */
  get response(): HeaderEdits {
    this.#response ??= new HeaderEdits();
    return this.#response;
  }

  /** Undefined if the request is not edited. */
  get #requestEdits(): HeaderEdits | undefined {
    if (this.#added === undefined) return this.#request;
    this.#decided ??= this.#request?.decidedBeside(this.#added);
    return this.#decided;
  }

  /** `added`, without what `request` replaces or removes. */
  get addedFields(): HeaderList {
    return this.#requestEdits?.applyToTrailers(this.added) ?? this.added;
  }

  /**
   * The fields to forward in place of those of its kind. Undefined if the request is not edited. Must not be called before all policies
   * have admitted the call.
   */
  forwarded(subject: RequestHead): ForwardedFields | undefined {
    const edits = this.#requestEdits;
    if (edits === undefined || edits.isEmpty) return undefined;
    this.#forwarded ??= subject.forwardedBy(edits);
    return this.#forwarded;
  }

  /** @returns the head of the final response as the client is to get it */
  respond(head: ResponseHead): ResponseHead {
    const edits = this.#response;
    return edits === undefined || edits.isEmpty
      ? head
      : new ResponseHead(edits.applyTo(head.fields), head.edits);
  }

  requestTrailers(list: HeaderList): HeaderList {
    return this.#requestEdits?.applyToTrailers(list) ?? list;
  }

  responseTrailers(list: HeaderList): HeaderList {
    return this.#response?.applyToTrailers(list) ?? list;
  }
}

/** @returns the header fields that this endpoint is sent, or undefined if the call is not forwarded */
export function forwardedOf(
  { subject, changes }: ChangedCall,
  endpoint: { readonly authority: string },
): ForwardedFields | undefined {
  const { decision } = subject;
  if (decision.kind !== 'forward') return undefined;
  const forwarded = changes?.forwarded(subject);
  if (forwarded === undefined) return fieldsAt(decision, endpoint);
  const { takesEndpointAuthority = false } = decision;
  return fieldsAt({ ...forwarded, takesEndpointAuthority }, endpoint);
}
