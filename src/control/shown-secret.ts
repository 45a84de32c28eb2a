// Some texts of a configuration may be secrets. This decides which of them are shown to people who may see the rest of the configuration. The
// schemas say the same (`shownTo` in config/key-notes.ts), and test/control/shown-secrets.test.ts compares both.

import { templateText } from '../config/header-template.ts';
import type { HeaderTemplate } from '../config/route-config.ts';
import { isCredential, isSecretName } from '../config/secret-name.ts';

export const REDACTED = '[redacted]';

/** Whether a text that every client may get shows all the same that it is a secret. @param name of a header field, in lower case */
export function isSecretField(name: string, value: string): boolean {
  return isSecretName(name) || isCredential(value);
}

/** What services are sent may be a secret, whatever it looks like. @returns undefined if it must not be shown */
export function shownTemplate(template: HeaderTemplate): string | undefined {
  return template.some(({ kind }) => kind === 'text') ? undefined : templateText(template);
}
