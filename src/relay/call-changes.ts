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

export class CallChanges {
  /** Fields that policies add beside those of the client, under names that they have declared. */
  readonly added = new HeaderList();
  readonly request = new HeaderEdits();
  readonly response = new HeaderEdits();
  #forwarded: ForwardedFields | undefined = undefined;

  /** `added`, without what `request` replaces or removes. */
  get addedFields(): HeaderList {
    return this.request.applyToTrailers(this.added);
  }

  /** Must not be called before all policies have admitted the call. */
  forwarded(subject: RequestHead): ForwardedFields {
    this.#forwarded ??= subject.forwardedBy(this.request);
    return this.#forwarded;
  }

  /** @returns the head of the final response as the client is to get it */
  respond(head: ResponseHead): ResponseHead {
    return this.response.isEmpty ? head : new ResponseHead(this.response.applyTo(head.fields), head.edits);
  }
}

/** @returns the header fields that this endpoint is sent, or undefined if the call is not forwarded */
export function forwardedOf(
  { subject, changes }: ChangedCall,
  endpoint: { readonly authority: string },
): ForwardedFields | undefined {
  const { decision } = subject;
  if (decision.kind !== 'forward') return undefined;
  if (changes === undefined || changes.request.isEmpty) return fieldsAt(decision, endpoint);
  const { takesEndpointAuthority = false } = decision;
  return fieldsAt({ ...changes.forwarded(subject), takesEndpointAuthority }, endpoint);
}
