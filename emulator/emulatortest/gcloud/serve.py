"""Runs gcloud's commands, each in a fork of a process that has read its code.

The arguments are a socket to listen on and the folder of gcloud's code. Who
calls sends what a process is made of: its open files, and as JSON its folder,
its environment and its arguments. It gets the exit status as one byte.
"""

import json
import os
import signal
import socket
import sys


def run(caller):
    text, files, _, _ = socket.recv_fds(caller, 1 << 20, 3)
    process = json.loads(text)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(process["dir"])
    os.environ.clear()
    os.environ.update(process["env"])
    sys.argv = process["args"]
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "w" if n else "r", encoding="utf-8") for n in range(3))
    status = 1
    try:
        gcloud.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        caller.send(bytes([status & 255]))
        os._exit(0)


sys.path.insert(0, sys.argv[2])
import gcloud
import googlecloudsdk.gcloud_main

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen(64)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print("listening", flush=True)
while True:
    caller, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        listener.close()
        run(caller)
    caller.close()
