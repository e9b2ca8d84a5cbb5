import type { DevelopmentAccount } from './accounts.js'

/** The only style; its hash is in the content security policy. */
export const style = `
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 2rem auto; padding: 0 1rem }
label { display: block; margin-top: 1rem }
h1 { font-size: 1.5rem }
input, button { font: inherit; box-sizing: border-box; width: 100%; padding: .6rem }
button { margin-top: 1.5rem; cursor: pointer }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .5rem .25rem 0 }
code { overflow-wrap: anywhere }
.code { font-size: 2rem; text-align: center }
.error { border-left: .25rem solid #c00; padding-left: .75rem }
`

/** The only script: presses the button of a sign-out that needs no question. */
export const script = `document.getElementById('kc-logout').click()`

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

export interface SignInPage {
  action: string
  clientId: string
  accounts: readonly DevelopmentAccount[]
  username?: string
  /** What was wrong with the last attempt. */
  error?: string
}

/** The form, with the element ids of Keycloak's own, so that one script drives both. */
export function signInPage({ action, clientId, accounts, username = '', error }: SignInPage): string {
  const describedBy = error === undefined ? '' : ' aria-invalid="true" aria-describedby="input-error"'
  return page(
    'Development sign-in',
    `<p>For <strong>${escapeHtml(clientId)}</strong>, on a machine without Keycloak. These people exist only here:</p>
<table><thead><tr><th scope="col">Username</th><th scope="col">Password</th></tr></thead><tbody>
${accounts.map(accountRow).join('\n')}
</tbody></table>
${error === undefined ? '' : `<p class="error" id="input-error" role="alert">${escapeHtml(error)}</p>`}
<form id="kc-form-login" method="post" action="${escapeHtml(action)}">
<label for="username">Username</label>
<input id="username" name="username" value="${escapeHtml(username)}" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus${describedBy}>
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required${describedBy}>
<button id="kc-login" type="submit">Sign in</button>
</form>`,
  )
}

const accountRow = ({ username, password }: DevelopmentAccount) =>
  `<tr><td><code>${escapeHtml(username)}</code></td><td><code>${escapeHtml(password)}</code></td></tr>`

/** @param form made by oidc-provider, id `op.logoutForm` */
export function confirmSignOutPage(form: string, home: string): string {
  return page(
    'Do you want to sign out?',
    `${form}<button id="kc-logout" type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<p><a href="${escapeHtml(home)}">No, go back</a></p>`,
  )
}

/** The same form, sent without a question; the button is for browsers without scripts. */
export function signingOutPage(form: string): string {
  return page(
    'Signing out',
    `${form}<button id="kc-logout" type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button>
<script>${script}</script>`,
  )
}

export function signedOutPage(home: string): string {
  return page('You are signed out', `<p><a href="${escapeHtml(home)}">Go back</a></p>`)
}

/** @param reason for the person in front of it: no stack, nothing of the request */
export function errorPage(title: string, reason: string, startAgain: string): string {
  return page(
    title,
    `<p class="error" role="alert">${escapeHtml(reason)}</p>
<p><a href="${escapeHtml(startAgain)}">Start again</a></p>`,
  )
}

/** @param body HTML, in which what comes from outside is escaped */
export function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`
}
