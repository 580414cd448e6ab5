// Runs before anything is drawn, so that the page does not flash in the other colours.
try {
  const chosen = localStorage.getItem("ferda-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // a browser that keeps nothing shows the colours of the system
}
