"""Starts TensorBoard on localhost for all runs in runs/.

python tensorboard_run.py                open TensorBoard in the browser
python tensorboard_run.py --no-browser   only print the URL
"""

from mnist_mlp.errors import install_error_hook

install_error_hook()

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from mnist_mlp.console.browser import open_in_browser
from mnist_mlp.console.command_line import ArgumentParser
from mnist_mlp.console.tensorboard_server import start_tensorboard
from mnist_mlp.console.terminal import open_console, print_marked_up
from mnist_mlp.host.interactive import is_interactive

PORT = 6006


def parse_arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = ArgumentParser("Starts TensorBoard for all runs and opens it in the browser.")
    parser.add_whole_number(
        "--port", 1, 65_535, default=PORT, help="port to listen on, or the next free one if it is in use"
    )
    parser.add_argument(
        "--host", default="localhost", help="address to listen on; 0.0.0.0 for all interfaces (default: localhost)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_folder("--runs-dir", "runs", help="directory with the runs")
    return parser.parse_args(given)


def main(given: Sequence[str] = ()) -> None:
    arguments = parse_arguments(given)
    terminal = open_console()
    with terminal.status("Starting TensorBoard"):
        address, port = start_tensorboard(arguments.runs_dir, arguments.host, arguments.port)
    if port != arguments.port:
        terminal.print(f"Port {arguments.port} is in use; using port {port} instead.")
    if arguments.host != "localhost":
        terminal.print(f"Warning: anyone who can reach {arguments.host} can see all runs. There is no password.")
    try:  # includes the line that says how to stop
        print_marked_up(terminal, f"TensorBoard is running at [bold]{address}[/bold] (press Ctrl-C to stop)")
        if not arguments.no_browser:
            open_in_browser(address)
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        terminal.print()
        if is_interactive():
            terminal.print("TensorBoard keeps running until this session ends.")
        else:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is already stopping


if __name__ == "__main__":
    main(sys.argv[1:])
