// Reads what an authorizer has answered: envoy.service.auth.v3.CheckResponse. Whatever the bytes are, nothing is thrown, and an answer
// that is not understood as a whole is none.

import { eachField } from '../../grpc/protobuf-fields.ts';
import { type FieldAction, type FieldOption, MOST_FIELDS, readHeaderValue } from '../answered-fields.ts';

export type Verdict =
  | {
      readonly kind: 'allowed';
      readonly requestFields: readonly FieldOption[];
      readonly removed: readonly string[];
      readonly responseFields: readonly FieldOption[];
    }
  | {
      readonly kind: 'denied';
      /** From 200 to 599. */
      readonly httpStatus: number;
      readonly fields: readonly FieldOption[];
      readonly body: Buffer;
    };

const FORBIDDEN = 403;
const EMPTY: Buffer = Buffer.alloc(0);

/** Values of HeaderAppendAction. The first is the default of the protocol, where `append` decides: see readOption. */
const ACTIONS: readonly FieldAction[] = ['set', 'add-if-absent', 'set', 'set-if-present'];

/** @returns what the answer says, or why it says nothing, as the end of a sentence */
export function readCheckResponse(message: Buffer): Verdict | string {
  const found = new Found();
  return found.read(message) ? found.verdict() : 'an answer that is no CheckResponse';
}

class Found {
  #code: number | undefined = undefined;
  #isDenial = false;
  #isError = false;
  #isPermission = false;
  #httpStatus = 0;
  #body: Buffer = EMPTY;
  #fieldCount = 0;
  #denied: FieldOption[] = [];
  #request: FieldOption[] = [];
  #response: FieldOption[] = [];
  #removed: string[] = [];

  read(message: Buffer): boolean {
    return eachField(message, (field, value) => {
      if (typeof value === 'number') return true;
      if (field === 1) return this.#readStatus(value);
      if (field === 2) return this.#readDenial(value);
      if (field === 3) return this.#readPermission(value);
      if (field === 5) this.#isError = true;
      return true;
    });
  }

  /** google.rpc.Status: code 1. */
  #readStatus(message: Buffer): boolean {
    this.#code ??= 0;
    return eachField(message, (field, value) => {
      if (field === 1 && typeof value === 'number') this.#code = value;
      return true;
    });
  }

  /** DeniedHttpResponse: status 1 with code 1, headers 2, body 3. */
  #readDenial(message: Buffer): boolean {
    this.#isDenial = true;
    return eachField(message, (field, value) => {
      if (typeof value === 'number') return true;
      if (field === 1)
        return eachField(value, (inner, code) => {
          if (inner === 1 && typeof code === 'number') this.#httpStatus = code;
          return true;
        });
      if (field === 2) return this.#readOption(value, this.#denied);
      if (field === 3) this.#body = value;
      return true;
    });
  }

  /** OkHttpResponse: headers 2, headers_to_remove 5, response_headers_to_add 6. */
  #readPermission(message: Buffer): boolean {
    this.#isPermission = true;
    return eachField(message, (field, value) => {
      if (typeof value === 'number') return true;
      if (field === 2) return this.#readOption(value, this.#request);
      if (field === 6) return this.#readOption(value, this.#response);
      if (field === 5) {
        this.#removed.push(value.toString('latin1').toLowerCase());
        this.#fieldCount++;
      }
      return true;
    });
  }

  /** HeaderValueOption: header 1 with key 1, value 2 and raw_value 3; append 2 with value 1; append_action 3. */
  #readOption(message: Buffer, options: FieldOption[]): boolean {
    let header = undefined as Omit<FieldOption, 'action'> | undefined;
    let [isAppended, action] = [undefined as boolean | undefined, 0];
    const isRead = eachField(message, (field, content) => {
      if (field === 3 && typeof content === 'number') action = content;
      if (typeof content === 'number') return true;
      if (field === 1) {
        header = readHeaderValue(content);
        return header !== undefined;
      }
      if (field !== 2) return true;
      isAppended = false;
      return eachField(content, (inner, flag) => {
        if (inner === 1) isAppended = flag !== 0;
        return true;
      });
    });
    if (!isRead || header === undefined) return false;
    if (action >= ACTIONS.length || ++this.#fieldCount > MOST_FIELDS) return false;
    options.push({ ...header, action: actionOf(isAppended, action) });
    return true;
  }

  verdict(): Verdict | string {
    if (this.#fieldCount > MOST_FIELDS) return `an answer with more than ${MOST_FIELDS} header fields`;
    if (this.#code !== 0 && this.#code !== undefined && this.#isError)
      return 'an answer that reports an error of its own (error_response)';
    if (this.#isDenial || (this.#code !== undefined && this.#code !== 0)) return this.#denial();
    if (this.#code === undefined && !this.#isPermission) return 'an answer that neither allows nor denies';
    return {
      kind: 'allowed',
      requestFields: this.#request,
      removed: this.#removed,
      responseFields: this.#response,
    };
  }

  #denial(): Verdict {
    const isStatus = this.#httpStatus >= 200 && this.#httpStatus <= 599;
    return {
      kind: 'denied',
      httpStatus: isStatus ? this.#httpStatus : FORBIDDEN,
      fields: this.#denied,
      body: this.#body,
    };
  }
}

/**
 * The protocol says that `append` is false here unless it is set, and so that a field takes the place of one that the client has sent. The
 * first value of append_action is what a message has that does not name any.
 */
function actionOf(isAppended: boolean | undefined, action: number): FieldAction {
  if (isAppended !== undefined) return isAppended ? 'add' : 'set';
  return ACTIONS[action];
}
