import { escapeHtml, page } from './pages.js'

export interface DeviceCodePage {
  action: string
  /** Proves that the form is ours. */
  secret: string
  /** What was wrong with the last attempt. */
  error?: string
}

/** Where the code is entered, with the element ids of Keycloak's own, so that one script drives both. */
export function deviceCodePage({ action, secret, error }: DeviceCodePage): string {
  const describedBy = error === undefined ? '' : ' aria-invalid="true" aria-describedby="input-error"'
  return page(
    'Sign in a device',
    `<p>Enter the code that your terminal shows.</p>
${error === undefined ? '' : `<p class="error" id="input-error" role="alert">${escapeHtml(error)}</p>`}
<form id="kc-user-verify-device-user-code-form" method="post" action="${escapeHtml(action)}">
<input type="hidden" name="xsrf" value="${escapeHtml(secret)}">
<label for="device_user_code">Code</label>
<input id="device_user_code" name="user_code" autocomplete="off" autocapitalize="characters" spellcheck="false" required autofocus${describedBy}>
<button id="kc-login" type="submit">Continue</button>
</form>`,
  )
}

export interface DeviceConfirmPage {
  /** Made by oidc-provider, id `op.deviceConfirmForm`. */
  form: string
  clientId: string
  userCode: string
}

/** RFC 8628 §5.4: whoever sent somebody here by a link is not the one who asks to be let in. */
export function deviceConfirmPage({ form, clientId, userCode }: DeviceConfirmPage): string {
  return page(
    'Is this your code?',
    `<p><strong>${escapeHtml(clientId)}</strong> asks to act in your name, with all your rights. Your terminal shows</p>
<p class="code"><code id="user-code">${escapeHtml(userCode)}</code></p>
<p>Say no unless you began this yourself, and the code is the same.</p>
${form}<button id="kc-login" type="submit" form="op.deviceConfirmForm">Yes, sign in</button>
<button id="kc-cancel" type="submit" form="op.deviceConfirmForm" name="abort" value="yes">No</button>`,
  )
}

export function deviceDonePage(clientId: string): string {
  return page(
    'Signed in',
    `<p><strong>${escapeHtml(clientId)}</strong> may act in your name now. Go back to your terminal; this page can be closed.</p>`,
  )
}

export function deviceDeniedPage(): string {
  return page('Nothing was allowed', '<p>The device was not signed in. This page can be closed.</p>')
}
