"""The presets: every network that has been trained here, as the story of how they were tuned.

A preset is written as another one with a change, so each line below is one experiment. To try your own, add a line
where it says "Your own presets", such as

    PRESETS[38] = PRESETS[31].but(hidden_sizes=(400, 300, 200), activation="gelu")

and train it with `python MNIST_train.py --presets 38`. What can be changed, and to what, `mnist_mlp/preset.py` says.
`python hyperparameters.py` prints all presets, and what each changed against the one it came from.
"""

from mnist_mlp.preset import Preset
from mnist_mlp.registry import Registry

PRESETS = Registry()

# First steps: how many layers does it take, and how wide? (Adam, batches of 200)
PRESETS[1] = Preset(hidden_sizes=(300, 200), batch_size=200, epochs=30)
PRESETS[2] = PRESETS[1].but(hidden_sizes=(200, 200, 200), epochs=100)
PRESETS[3] = PRESETS[2].but(hidden_sizes=(600, 600, 800))
PRESETS[4] = PRESETS[2].but()  # the same again: repeats of one seed must give the same bits

# He initialisation; Adadelta (with Adam's learning rate it hardly moves); a first weight decay, rate and dropout.
PRESETS[5] = PRESETS[4].but(weight_init="he", optimizer="adadelta")
PRESETS[6] = PRESETS[4].but(weight_init="he", weight_decay=0.01)
PRESETS[7] = PRESETS[6].but(learning_rate=0.01)
PRESETS[8] = PRESETS[7].but(dropout=0.2)

# Depth: 3 to 7 weight layers, in batches of 100.
PRESETS[9] = PRESETS[1].but(batch_size=100, epochs=100)
PRESETS[10] = PRESETS[9].but(hidden_sizes=(300, 200, 200))
PRESETS[11] = PRESETS[10].but(hidden_sizes=(300, 200, 200, 200))
PRESETS[12] = PRESETS[11].but(hidden_sizes=(300, 200, 200, 200, 200))
PRESETS[13] = PRESETS[12].but(hidden_sizes=(300, 200, 200, 200, 200, 200))

# Weight initialisation: He against Xavier, at five weight layers. (11's "default" is Xavier too.)
PRESETS[14] = PRESETS[11].but(weight_init="he")
PRESETS[15] = PRESETS[11].but(weight_init="xavier")

# Weight decay.
PRESETS[16] = PRESETS[14].but(weight_decay=0.1)
PRESETS[17] = PRESETS[14].but(weight_decay=0.01)
PRESETS[18] = PRESETS[14].but(weight_decay=0.001)

# Dropout, beside the best of these decays.
PRESETS[19] = PRESETS[18].but(dropout=0.2)
PRESETS[20] = PRESETS[18].but(dropout=0.5)
PRESETS[21] = PRESETS[18].but(dropout=0.8)

# Batch size.
PRESETS[22] = PRESETS[19].but(batch_size=200)

# Dropout again, in finer steps.
PRESETS[23] = PRESETS[22].but(dropout=0.15)
PRESETS[24] = PRESETS[22].but(dropout=0.25)
PRESETS[25] = PRESETS[22].but(dropout=0.3)

# Optimiser.
PRESETS[26] = PRESETS[22].but(optimizer="adadelta")

# Weight decay again, now with dropout: from far too much to almost nothing.
PRESETS[27] = PRESETS[22].but(weight_decay=0.01)
PRESETS[28] = PRESETS[22].but(weight_decay=0.1)
PRESETS[29] = PRESETS[22].but(weight_decay=1.0)
PRESETS[30] = PRESETS[22].but(weight_decay=10.0)
PRESETS[31] = PRESETS[22].but(weight_decay=0.0001)

# Learning rate.
PRESETS[32] = PRESETS[31].but(learning_rate=0.01)
PRESETS[33] = PRESETS[31].but(learning_rate=0.1)
PRESETS[34] = PRESETS[31].but(learning_rate=1.0)
PRESETS[35] = PRESETS[31].but(learning_rate=0.0001)

# Depth again: one layer fewer, then with more weight decay.
PRESETS[36] = PRESETS[31].but(hidden_sizes=(300, 200, 200))
PRESETS[37] = PRESETS[36].but(weight_decay=0.01)

# What 2020 did not ask: does the weight decay of preset 31 do anything at all?
PRESETS[100] = PRESETS[31].but(weight_decay=0.0)

# Your own presets:


select = PRESETS.select

if __name__ == "__main__":
    from mnist_mlp.terminal import console

    terminal = console()
    terminal.print(PRESETS.table(terminal.width))
