import { isStreampoolError } from '@streampool/errors';
import { redactText, redactUrl } from '@streampool/redaction';
import type { z } from 'zod';
import type { ProbeUrl } from '../options.ts';
import type { testConnectionAnswer } from '../schemas/server-responses.ts';

/** Not reaching the URL is an answer here, not an error of this server. */
export async function testConnection(
  url: string,
  probe: ProbeUrl,
): Promise<z.output<typeof testConnectionAnswer>> {
  const shown = redactUrl(url);
  try {
    const { status } = await probe(url);
    const success = status >= 200 && status < 300;
    return {
      success,
      message: success ? `Successfully connected to ${shown}` : `The server answered with status ${status}`,
      status_code: status,
      url_tested: shown,
    };
  } catch (error) {
    if (!isStreampoolError(error)) throw error;
    return { success: false, message: redactText(error.message), error: error.code, url_tested: shown };
  }
}
