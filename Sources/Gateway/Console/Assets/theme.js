// Before anything is drawn: the theme that was chosen here earlier, so that the page does not flash in the other one.
{
  let theme = null;
  try { theme = localStorage.getItem("shmgate-theme"); } catch { /* a browser that keeps nothing */ }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
}
