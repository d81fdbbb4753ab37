# Stands where gcloud starts Python: has serve.py run the command.
import json
import os
import socket
import sys

# What gcloud puts before the name of its program is for Python.
first = next(n for n, arg in enumerate(sys.argv) if arg.endswith("gcloud.py"))
server = socket.socket(socket.AF_UNIX)
server.connect(SOCKET)
process = {"dir": os.getcwd(), "env": dict(os.environ), "args": sys.argv[first:]}
socket.send_fds(server, [json.dumps(process).encode()], [0, 1, 2])
status = server.recv(1)
os._exit(status[0] if status else 1)
