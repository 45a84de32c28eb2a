// The key with which the issuer of the stage signs its tokens.

import { type SigningKey, signingKey } from '../support/token-issuer.ts';

export const TOKEN_KEY: SigningKey = signingKey('stage');
