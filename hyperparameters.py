"""The presets: every network that has been trained here, as the story of how they were tuned.

A preset is written as another one with a change, so each line below is one experiment. To try your own, add a line
where it says "Your own presets", such as

    PRESETS[101] = PRESETS[31].but(hidden_sizes=(400, 300, 200), activation="gelu")

and train it with `python MNIST_train.py --presets 101`.

python hyperparameters.py          prints all presets, and what each changed against the one it came from
python hyperparameters.py --help   prints every hyperparameter with its default and its allowed values
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry

PRESETS = Registry()

PRESETS.section("First steps: how many layers, and how wide?")  # Adam, batches of 200
PRESETS[1] = Preset(hidden_sizes=(300, 200), batch_size=200, epochs=30)
PRESETS[2] = PRESETS[1].but(hidden_sizes=(200, 200, 200), epochs=100)
PRESETS[3] = PRESETS[2].but(hidden_sizes=(600, 600, 800))
PRESETS[4] = PRESETS[2].but()  # the same again: repeats of one seed must give the same bits

PRESETS.section("He initialization, Adadelta, a first weight decay, learning rate and dropout")
# With Adam's learning rate Adadelta hardly moves.
PRESETS[5] = PRESETS[4].but(weight_init="he", optimizer="adadelta")
PRESETS[6] = PRESETS[4].but(weight_init="he", weight_decay=0.01)
PRESETS[7] = PRESETS[6].but(learning_rate=0.01)
PRESETS[8] = PRESETS[7].but(dropout=0.2)

PRESETS.section("Depth: 3 to 7 weight layers")  # batches of 100
PRESETS[9] = PRESETS[1].but(batch_size=100, epochs=100)
PRESETS[10] = PRESETS[9].but(hidden_sizes=(300, 200, 200))
PRESETS[11] = PRESETS[10].but(hidden_sizes=(300, 200, 200, 200))
PRESETS[12] = PRESETS[11].but(hidden_sizes=(300, 200, 200, 200, 200))
PRESETS[13] = PRESETS[12].but(hidden_sizes=(300, 200, 200, 200, 200, 200))

PRESETS.section("Weight initialization: He or Xavier")  # five weight layers; the "default" of 11 is Xavier too
PRESETS[14] = PRESETS[11].but(weight_init="he")
PRESETS[15] = PRESETS[11].but(weight_init="xavier")

PRESETS.section("Weight decay")
PRESETS[16] = PRESETS[14].but(weight_decay=0.1)
PRESETS[17] = PRESETS[14].but(weight_decay=0.01)
PRESETS[18] = PRESETS[14].but(weight_decay=0.001)

PRESETS.section("Dropout")  # with the best of these weight decays
PRESETS[19] = PRESETS[18].but(dropout=0.2)
PRESETS[20] = PRESETS[18].but(dropout=0.5)
PRESETS[21] = PRESETS[18].but(dropout=0.8)

PRESETS.section("Batch size")
PRESETS[22] = PRESETS[19].but(batch_size=200)

PRESETS.section("Dropout again, in finer steps")
PRESETS[23] = PRESETS[22].but(dropout=0.15)
PRESETS[24] = PRESETS[22].but(dropout=0.25)
PRESETS[25] = PRESETS[22].but(dropout=0.3)

PRESETS.section("Optimizer")
PRESETS[26] = PRESETS[22].but(optimizer="adadelta")

PRESETS.section("Weight decay with dropout")  # from far too much to almost nothing
PRESETS[27] = PRESETS[22].but(weight_decay=0.01)
PRESETS[28] = PRESETS[22].but(weight_decay=0.1)
PRESETS[29] = PRESETS[22].but(weight_decay=1.0)
PRESETS[30] = PRESETS[22].but(weight_decay=10.0)
PRESETS[31] = PRESETS[22].but(weight_decay=0.0001)

PRESETS.section("Learning rate")
PRESETS[32] = PRESETS[31].but(learning_rate=0.01)
PRESETS[33] = PRESETS[31].but(learning_rate=0.1)
PRESETS[34] = PRESETS[31].but(learning_rate=1.0)
PRESETS[35] = PRESETS[31].but(learning_rate=0.0001)

PRESETS.section("Depth again")  # one layer fewer, then with more weight decay
PRESETS[36] = PRESETS[31].but(hidden_sizes=(300, 200, 200))
PRESETS[37] = PRESETS[36].but(weight_decay=0.01)

# Here the experiment of 2020 ended. The rest adds what it left out, one change at a time.

PRESETS.section("Past 98%: a wider, bare network; inputs and normalization")
PRESETS[38] = Preset(hidden_sizes=(512, 512, 512), weight_init="he", bias_init="zeros", batch_size=250, epochs=30)
PRESETS[39] = PRESETS[38].but(standardize=True)
PRESETS[40] = PRESETS[39].but(normalization="layer")
PRESETS[41] = PRESETS[39].but(normalization="batch")

PRESETS.section("Adam's steps: schedule, warm-up, rate and memory")
# A falling rate may begin higher if it is warmed up first.
PRESETS[42] = PRESETS[41].but(learning_rate_schedule="cosine")
PRESETS[43] = PRESETS[42].but(warmup=0.1)
PRESETS[44] = PRESETS[43].but(learning_rate=0.002)
PRESETS[45] = PRESETS[44].but(optimizer_arguments={"beta_2": 0.99})

PRESETS.section("Regularization that costs no time")
# Smoothed labels, decoupled weight decay, averaged weights, clipped gradients.
PRESETS[46] = PRESETS[45].but(label_smoothing=0.05)
PRESETS[47] = PRESETS[46].but(decoupled_weight_decay=0.02)
PRESETS[48] = PRESETS[47].but(ema_decay=0.998)
PRESETS[49] = PRESETS[48].but(optimizer_arguments={"beta_2": 0.99, "global_clipnorm": 1.0})

PRESETS.section("Quick: the fewest seconds to 98% on two cores")
# A small network and one short cycle of the rate, which may then rise three times as high.
PRESETS[50] = PRESETS[45].but(hidden_sizes=(300, 200))
PRESETS[51] = PRESETS[50].but(learning_rate_schedule="one_cycle")
PRESETS[52] = PRESETS[51].but(epochs=6)
PRESETS[53] = PRESETS[52].but(learning_rate=0.006)
PRESETS[54] = PRESETS[53].but(epochs=2)

PRESETS.section("Clean: images as they are, wide networks with dropout")
# Dropout is the only regularizer left against memorizing images; it needs width and more epochs.
PRESETS[60] = PRESETS[48].but(dropout=0.3)
PRESETS[61] = PRESETS[60].but(input_dropout=0.2)
PRESETS[62] = PRESETS[61].but(hidden_sizes=(1024, 1024, 1024))
PRESETS[63] = PRESETS[62].but(dropout=0.5)
PRESETS[64] = PRESETS[63].but(epochs=90)
PRESETS[65] = PRESETS[64].but(final_fit=True)

PRESETS.section("Clean: adversarial images, then deskewed images")
# No wider than 60.
PRESETS[66] = PRESETS[60].but(adversarial=2)
PRESETS[67] = PRESETS[66].but(dropout=0.1)
PRESETS[68] = PRESETS[67].but(deskew=True)
PRESETS[69] = PRESETS[68].but(final_fit=True)

PRESETS.section("Deformed: no image is seen twice")
# Shift to shear are what a camera does to a page, elastic what a hand does to a digit.
PRESETS[70] = PRESETS[48].but(shift=1)
PRESETS[71] = PRESETS[70].but(rotation=7)
PRESETS[72] = PRESETS[71].but(scaling=0.07)
PRESETS[73] = PRESETS[72].but(shear=0.1)
PRESETS[74] = PRESETS[73].but(elastic=0.7)
PRESETS[75] = PRESETS[74].but(hidden_sizes=(1024, 1024, 1024))
PRESETS[76] = PRESETS[75].but(epochs=90)
PRESETS[77] = PRESETS[76].but(adversarial=2)
PRESETS[78] = PRESETS[77].but(final_fit=True)
PRESETS[79] = PRESETS[74].but(adversarial=2)

PRESETS.section("Record: stronger deformations, many more epochs, L1 decay")
# 87 to 89 add to 84 what helps a small network (93 to 96).
PRESETS[80] = PRESETS[76].but(rotation=11, scaling=0.11, shear=0.16, elastic=1.1)
PRESETS[81] = PRESETS[77].but(rotation=9, scaling=0.09, shear=0.13, elastic=0.9)
PRESETS[82] = PRESETS[81].but(epochs=500)
PRESETS[83] = PRESETS[82].but(final_fit=True)
PRESETS[84] = PRESETS[81].but(l1_decay=0.02)
PRESETS[85] = PRESETS[84].but(epochs=400)
PRESETS[86] = PRESETS[85].but(final_fit=True)
PRESETS[87] = PRESETS[84].but(upright_beside=True)
PRESETS[88] = PRESETS[87].but(batch_size=100, learning_rate=0.0013, ema_decay=0.999, epochs=120)
PRESETS[89] = PRESETS[88].but(final_fit=True)

PRESETS.section("Ensemble: small networks that see digits in two ways")
# Deskewed images need less rotation and shear.
PRESETS[90] = PRESETS[79].but(final_fit=True)
PRESETS[91] = PRESETS[90].but(deskew=True, rotation=3, shear=0.05)

PRESETS.section("Small network: L1 decay, upright images beside, smaller steps, more epochs")
PRESETS[92] = PRESETS[79].but(l1_decay=0.01)
PRESETS[93] = PRESETS[92].but(upright_beside=True)
PRESETS[94] = PRESETS[93].but(batch_size=100, learning_rate=0.0013, ema_decay=0.999)
PRESETS[95] = PRESETS[94].but(epochs=120)
PRESETS[96] = PRESETS[95].but(final_fit=True)

PRESETS.section("Record: fewer epochs, twice the width")
PRESETS[97] = PRESETS[84].but(final_fit=True)
PRESETS[98] = PRESETS[97].but(hidden_sizes=(2048, 2048, 2048), epochs=36)

PRESETS.section("Does the weight decay of preset 31 do anything?")
PRESETS[100] = PRESETS[31].but(weight_decay=0.0)

PRESETS.section("Your own presets, from 101 on")

if __name__ == "__main__":
    from mnist_mlp.console.command_line import ArgumentParser
    from mnist_mlp.console.tables import hyperparameters_help, presets_tables
    from mnist_mlp.console.terminal import open_console

    ArgumentParser("Prints all presets and what each changed.", epilog=hyperparameters_help()).parse_args()
    terminal = open_console()
    terminal.print(*presets_tables(PRESETS, terminal.width), sep="\n")
