#!/usr/bin/env bash
# Finds a Chromium for the browser flow, or gets one where that is allowed. Never fails: without one that flow skips with the reason.
set -u
for name in chromium chromium-browser google-chrome google-chrome-stable; do
  command -v "$name" >/dev/null && exit 0
done
python - <<'P' 2>/dev/null && exit 0
import os, sys
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    sys.exit(not os.path.exists(p.chromium.executable_path))
P
apt=(apt-get)
if [ "$(id -u)" -ne 0 ]; then
  sudo -n true 2>/dev/null && apt=(sudo -n apt-get) || apt=()
fi
if [ ${#apt[@]} -gt 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium for the browser test" >&2
  log=$(mktemp)
  { "${apt[@]}" update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y --no-install-recommends chromium; } >"$log" 2>&1 && rm -f "$log" && exit 0
  echo "Chromium could not be installed: $log" >&2
fi
echo "No Chromium here: the browser flow will be skipped. To have it: sudo apt-get install chromium" >&2
exit 0
