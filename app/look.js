// The gateway turns calls of an ended session away before Gradio sees them, and Gradio does not say so. This does.
// Signing in happens in another tab, so that what has been typed here stays.
(() => {
  const plain = window.fetch;
  const notice = () => {
    let box = document.getElementById("bb-session-ended");
    if (box) return box;
    box = document.createElement("div");
    box.id = "bb-session-ended";
    box.setAttribute("role", "alert");
    box.innerHTML = 'Your session has ended. <a target="_blank" rel="opener">Sign in again</a> (in a new tab), then come back and send once more: your text stays here.';
    box.querySelector("a").href = "/login?next=" + encodeURIComponent(location.pathname);
    document.body.prepend(box);
    return box;
  };
  window.fetch = async (...request) => {
    const response = await plain(...request);
    const target = new URL(typeof request[0] === "string" ? request[0] : request[0].url || String(request[0]), location.href);
    if (target.origin === location.origin && target.pathname.includes("/gradio_api/")) {
      if (response.status === 401) notice().hidden = false;
      else if (response.ok) document.getElementById("bb-session-ended")?.remove();
    }
    return response;
  };
})();
