"""Opens TensorBoard over every run of runs/, on localhost.

python tensorboard_run.py                opens the browser too
python tensorboard_run.py --no-browser   only prints the address
"""

from mnist_mlp.errors import install_error_hook

install_error_hook()

import argparse
import time
import webbrowser

from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.tensorboard_server import start_tensorboard
from mnist_mlp.console.terminal import open_console

PORT = 6006


def parse_arguments() -> argparse.Namespace:
    parser = ArgumentParser("Opens TensorBoard over every run.")
    parser.add_whole_number("--port", 1, 65_535, default=PORT, help="the next free one is used if it is taken")
    parser.add_argument("--host", default="localhost", help="listen on another address, such as 0.0.0.0 for all")
    parser.add_argument("--no-browser", action="store_true", help="do not open the browser")
    parser.add_folder("--runs-dir", "runs", help="the folder of the runs")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    terminal = open_console()
    with terminal.status("Starting TensorBoard"):
        address, port = start_tensorboard(arguments.runs_dir, arguments.host, arguments.port)
    if port != arguments.port:
        terminal.print(f"Port {arguments.port} is taken by another program; port {port} is free.")
    if arguments.host != "localhost":
        terminal.print(f"Warning: anyone who can reach {arguments.host} can see all runs; there is no password.")
    terminal.print(f"TensorBoard is at [bold]{address}[/bold] (Ctrl-C ends it).")
    if not arguments.no_browser:
        webbrowser.open(address)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        terminal.print()


if __name__ == "__main__":
    main()
