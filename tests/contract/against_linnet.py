"""Starts Linnet on a free port of 127.0.0.1, runs a command against it, and stops it.

    python3 against_linnet.py --linnet PATH -- COMMAND [ARGUMENT ...]

`{url}` in the command becomes the address. The status is the command's; a Linnet that does not start, does not stop,
or logs a panic makes it 1.
"""

import argparse
import re
import signal
import subprocess
import sys
import threading

START_SECONDS = 30
STOP_SECONDS = 30


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--linnet", required=True, help="the binary")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="what to run; {url} becomes the address")
    options = parser.parse_args()
    command = [word for word in options.command if word != "--"]

    start = [options.linnet, "--bind", "127.0.0.1:0", "--set", "control_socket="]
    start += ["--set", "drain_delay=0", "--set", "keepalive_min=0"]
    server = subprocess.Popen(start, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log, address, ready = [], [], threading.Event()

    def read_log() -> None:
        for line in server.stderr:
            log.append(line)
            found = re.search(r"listening on (http://\S+)", line)
            if found:
                address.append(found[1])
            if "fleet ready" in line:
                ready.set()
        ready.set()

    reader = threading.Thread(target=read_log, daemon=True)
    reader.start()
    status = 1
    try:
        ready.wait(START_SECONDS)
        if address:
            status = subprocess.call([word.replace("{url}", address[0]) for word in command])
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            stopped = server.wait(STOP_SECONDS) == 0
        except subprocess.TimeoutExpired:
            server.kill()
            stopped = False
        reader.join(STOP_SECONDS)
    if not address or not stopped or any("panicked" in line for line in log):
        sys.stderr.write("Linnet did not start, did not stop, or panicked:\n" + "".join(log))
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
