import { setting } from './setting.ts';
import { oneOf } from './values.ts';

/** Of who is told what happens. */
export const WEBHOOK_SETTINGS = {
  webhookAccess: setting({
    env: 'WEBHOOK_ACCESS',
    group: 'Server',
    about:
      'Which addresses the receivers of webhooks and callbacks may have: public, those of the internet; lan, this network and this machine as well; any, the same. Link-local and cloud metadata addresses: never',
    type: oneOf(['public', 'lan', 'any']),
    default: 'lan',
  }),
};
