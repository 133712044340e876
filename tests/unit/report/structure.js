// What must hold of a page's structure, whether axe is there or not; `wrong` returns what does not.
function wrong(page) {
  const found = []
  const all = what => [...page.querySelectorAll(what)]
  const name = one => (one.getAttribute('aria-label') || one.textContent || '').trim()
  const must = (good, what, one) => { if (!good) found.push(what + (one ? ': ' + one.outerHTML.slice(0, 200) : '')) }
  must(/^[a-z]{2}/.test(page.documentElement.lang), 'the page has no language')
  must(page.title.trim(), 'the page has no title')
  must(all('main').length === 1, 'there is not one main')
  must(all('h1').length === 1, 'there is not one h1')
  for (const one of page.body.children) must(one.matches('main, header, footer, nav, script, #told'), 'outside of main', one)
  let level = 0
  for (const one of all('h1, h2, h3, h4, h5, h6')) {
    must(+one.tagName[1] <= level + 1, 'a heading skips a level', one)
    must(name(one), 'a heading is empty', one)
    level = +one.tagName[1]
  }
  for (const one of all('table')) must(one.querySelector('thead th'), 'a table has no heads', one)
  for (const one of all('th')) must(['col', 'row'].includes(one.scope) && name(one), 'a head of a table says nothing', one)
  for (const one of all('a, button, summary, input, select, textarea, [tabindex], [role=group], [role=img]'))
    must(name(one), 'a control or group has no name', one)
  for (const one of all('[tabindex]')) must(one.tabIndex <= 0, 'the order of the keyboard is another one', one)
  for (const one of all('img')) must(one.hasAttribute('alt'), 'an image says nothing', one)
  for (const one of all('svg')) must(one.matches('[aria-hidden=true], [role=img]'), 'a drawing says nothing', one)
  for (const one of all('*'))
    if (one.scrollWidth > one.clientWidth && /auto|scroll/.test(getComputedStyle(one).overflowX))
      must(one.tabIndex >= 0, 'the keyboard cannot scroll it', one)
  const ids = all('[id]').map(one => one.id)
  must(new Set(ids).size === ids.length, 'an id stands twice')
  for (const one of all('main *')) {
    if (![...one.childNodes].some(each => each.nodeType === 3 && each.data.trim()) || one.closest('svg')) continue
    if (!one.getClientRects().length) continue
    const style = getComputedStyle(one), size = parseFloat(style.fontSize)
    const least = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700) ? 3 : 4.5
    must(contrast(style.color, behind(one)) >= least, 'too little contrast', one)
  }
  return found
}

function parts(colour) { return colour.match(/[\d.]+/g).map(Number) }

// What lies behind it: the nearest that is painted, and nothing here is painted half.
function behind(one) {
  for (let at = one; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor
    if ((parts(colour)[3] ?? 1) > 0) return colour
  }
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)'
}

// The ratio of WCAG 2.
function contrast(one, other) {
  const light = colour => {
    const [r, g, b] = parts(colour).map(part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}
