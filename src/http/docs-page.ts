/**
 * A bar on top of Swagger UI that tells who is logged in through the session, and lets people log in, log out or
 * go on as someone else. A script of its own, since the page's policy allows no inline ones.
 * @param hasLogin whether people log in at an identity provider; else there is one person, and their key
 */
export const loginBar = (publicUrl: string, hasLogin: boolean) => `
'use strict'
const base = ${JSON.stringify(publicUrl)}
const hasLogin = ${JSON.stringify(hasLogin)}
// Swagger UI's own page names none, and a phone would show it as wide as a desk's screen.
const viewport = document.createElement('meta')
viewport.name = 'viewport'
viewport.content = 'width=device-width, initial-scale=1'
document.head.append(viewport)
const bar = document.createElement('div')
bar.id = 'login-bar'
document.body.prepend(bar)

const say = (text) => {
  const who = document.createElement('span')
  who.id = 'login-bar-who'
  who.textContent = text
  bar.append(who)
}
const offerLogin = () => {
  const link = document.createElement('a')
  link.id = 'login-bar-login'
  link.href = base + '/auth/login?return_to=' + encodeURIComponent('/docs')
  link.textContent = 'Log in'
  bar.append(link)
}
const offerLogout = (id, text, next) => {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = base + '/auth/logout'
  if (next) {
    const input = document.createElement('input')
    input.type = 'hidden'
    input.name = 'continue'
    input.value = next
    form.append(input)
  }
  const button = document.createElement('button')
  button.id = id
  button.textContent = text
  form.append(button)
  bar.append(form)
}

const show = () =>
  fetch(base + '/auth/session', { cache: 'no-store' })
    .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
    .then(({ login }) => {
      bar.replaceChildren()
      if (login === null && !hasLogin) {
        say('Not logged in: open the URL that the start of the service printed')
      } else if (login === null) {
        say('Not logged in on this site')
        offerLogin()
      } else {
        say('Logged in as ' + login)
        offerLogout('login-bar-logout', 'Log out', '')
        if (hasLogin) offerLogout('login-bar-switch', 'Log in as someone else', 'login')
      }
    })
    .catch(() => {
      bar.replaceChildren()
      say('The service does not answer')
    })

show()
// Another tab may have logged out or in as someone else, and the back button shows a page as it was.
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && show())
addEventListener('pageshow', (event) => event.persisted && show())

// The dialog of the locks opens at its last field, which is one where nothing can be entered.
const tidyLocks = () => {
  const dialog = document.querySelector('.dialog-ux .modal-ux-content')
  if (dialog === null) return
  for (const lock of dialog.querySelectorAll('.auth-container')) {
    if (lock.querySelector('h4 code')?.textContent !== 'session') continue
    for (const part of lock.querySelectorAll('.wrapper:has(input), .authorize')) part.style.display = 'none'
  }
  dialog.scrollTop = 0
}
const opensLocks = (element) =>
  element.closest('.authorize, .authorization__btn') !== null && element.closest('.dialog-ux') === null
document.addEventListener('click', ({ target }) => opensLocks(target) && setTimeout(tidyLocks), true)
`

export const loginBarStyle = `
#login-bar { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; justify-content: flex-end; padding: .5rem 1rem;
  min-height: 2.6rem; box-sizing: border-box;
  background: #1b1b1f; color: #fff; font: .9rem system-ui, sans-serif; }
#login-bar a, #login-bar button { color: #fff; background: transparent; border: 1px solid #9aa0a6; border-radius: .25rem;
  padding: .25rem .6rem; font: inherit; text-decoration: none; cursor: pointer; }
#login-bar form { margin: 0; }
/* It is for choosing among the documents of services, where there are any. */
.swagger-ui .topbar:not(:has(select)) { display: none; }
.swagger-ui .topbar a.link { display: none; }
/* The client is a public one: it has no secret to enter. */
.dialog-ux .wrapper:has(#client_secret_authorizationCode) { display: none; }
`
