"""Starts TensorBoard on localhost for all runs in runs/.

python tensorboard_run.py                open TensorBoard in the browser
python tensorboard_run.py --no-browser   only print the URL
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
    parser = ArgumentParser("Starts TensorBoard for all runs and opens it in the browser.")
    parser.add_whole_number(
        "--port", 1, 65_535, default=PORT, help="port to listen on, or the next free one if it is in use"
    )
    parser.add_argument(
        "--host", default="localhost", help="address to listen on; 0.0.0.0 for all interfaces (default: localhost)"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_folder("--runs-dir", "runs", help="directory with the runs")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    terminal = open_console()
    with terminal.status("Starting TensorBoard"):
        address, port = start_tensorboard(arguments.runs_dir, arguments.host, arguments.port)
    if port != arguments.port:
        terminal.print(f"Port {arguments.port} is in use; using port {port} instead.")
    if arguments.host != "localhost":
        terminal.print(f"Warning: anyone who can reach {arguments.host} can see all runs. There is no password.")
    terminal.print(f"TensorBoard is running at [bold]{address}[/bold] (press Ctrl-C to stop)")
    if not arguments.no_browser:
        webbrowser.open(address)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        terminal.print()


if __name__ == "__main__":
    main()
