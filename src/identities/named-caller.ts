// A client that is known by nothing but a name: that of an API key or a user, or one in a certificate.

import { AddedFields } from '../calls/added-fields.ts';
import { type Caller, callerKey } from '../calls/caller.ts';
import { callerText } from './caller-text.ts';
import { inAscii } from './claims.ts';

/** @param header the header field in which the service is sent the name. Undefined for none */
export function namedCaller(identity: string, subject: string, header: string | undefined): Caller {
  return {
    identity,
    subject,
    text: callerText(identity, subject),
    key: callerKey(identity, subject),
    claims: {},
    fields:
      header === undefined || subject === ''
        ? AddedFields.NONE
        : new AddedFields([[header, inAscii(subject)]]),
    expiresAtMs: Number.POSITIVE_INFINITY,
  };
}
