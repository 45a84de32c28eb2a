// What the process does that asks services for descriptors. Services may answer anything, and may end it at any time.

import { listServices, reflectDescriptors } from './ask-reflection.ts';
import { type ReflectionAnswer, readQuestion } from './reflection-messages.ts';
import { refused } from './refusal.ts';

/** Never rejects. @returns undefined if the message is no question */
export async function answerTo(message: unknown): Promise<ReflectionAnswer | undefined> {
  const question = readQuestion(message);
  if (question === undefined) return undefined;
  const { target, service } = question;
  try {
    if (service === undefined) return { kind: 'listed', services: [...(await listServices(target))] };
    const { files } = await reflectDescriptors(target, service);
    return { kind: 'described', files };
  } catch (error) {
    return refused(error instanceof Error ? error.message : String(error));
  }
}
