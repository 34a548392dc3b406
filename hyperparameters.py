"""All presets, in the order in which they were tuned.

Most presets are variations of another preset, so each line below is one experiment. To add your own, go to "Your own
presets" near the end of this file, choose an unused number from 301 up, and state which preset you start from and what
you change:

    PRESETS[301] = PRESETS[31].but(activation="gelu")
    PRESETS[302] = PRESETS[301].but(optimizer="sgd", optimizer_arguments={"momentum": 0.9}, learning_rate=0.1)

Then train them with `python MNIST_train.py --presets 301,302`.

python hyperparameters.py          prints all presets and what each one changes
python hyperparameters.py --help   describes every hyperparameter, with its default and allowed values
"""

from mnist_mlp.errors import install_error_hook

if __name__ == "__main__":
    install_error_hook()

from mnist_mlp.presets.preset import Preset
from mnist_mlp.presets.registry import Registry

PRESETS = Registry()

PRESETS.section("First presets: number and size of hidden layers")
# A small network trained with Adam, then a deeper and a wider one.
PRESETS[1] = Preset(hidden_sizes=(300, 200), batch_size=200, epochs=30)
PRESETS[2] = PRESETS[1].but(hidden_sizes=(200, 200, 200), epochs=100)
PRESETS[3] = PRESETS[2].but(hidden_sizes=(600, 600, 800))
PRESETS[4] = PRESETS[2].but()  # the same preset again: equal seeds must give bit-identical results

PRESETS.section("First look at initialization, optimizer, weight decay, learning rate and dropout")
# Tries each of them once, to find out which hyperparameters deserve a closer look.
PRESETS[5] = PRESETS[4].but(weight_init="he", optimizer="adadelta")
PRESETS[6] = PRESETS[4].but(weight_init="he", weight_decay=0.01)
PRESETS[7] = PRESETS[6].but(learning_rate=0.01)
PRESETS[8] = PRESETS[7].but(dropout=0.2)

PRESETS.section("Depth: 3 to 7 weight layers")
# One more hidden layer at a time, with everything else fixed. The batch size is now 100.
PRESETS[9] = PRESETS[1].but(batch_size=100, epochs=100)
PRESETS[10] = PRESETS[9].but(hidden_sizes=(300, 200, 200))
PRESETS[11] = PRESETS[10].but(hidden_sizes=(300, 200, 200, 200))
PRESETS[12] = PRESETS[11].but(hidden_sizes=(300, 200, 200, 200, 200))
PRESETS[13] = PRESETS[12].but(hidden_sizes=(300, 200, 200, 200, 200, 200))

PRESETS.section("Weight initialization: He or Xavier")
# He is meant for ReLU, Xavier for tanh. The default in preset 11 is Xavier too, so preset 15 should give equal results.
PRESETS[14] = PRESETS[11].but(weight_init="he")
PRESETS[15] = PRESETS[11].but(weight_init="xavier")

PRESETS.section("Weight decay")
# L2 regularization against overfitting, from strong to weak.
PRESETS[16] = PRESETS[14].but(weight_decay=0.1)
PRESETS[17] = PRESETS[14].but(weight_decay=0.01)
PRESETS[18] = PRESETS[14].but(weight_decay=0.001)

PRESETS.section("Dropout")
# A second regularizer, combined with the weakest weight decay from above.
PRESETS[19] = PRESETS[18].but(dropout=0.2)
PRESETS[20] = PRESETS[18].but(dropout=0.5)
PRESETS[21] = PRESETS[18].but(dropout=0.8)

PRESETS.section("Batch size")
# Larger batches reduce gradient noise, but there are fewer steps per epoch.
PRESETS[22] = PRESETS[19].but(batch_size=200)

PRESETS.section("Dropout in finer steps")
# Values around 0.2, with the larger batches.
PRESETS[23] = PRESETS[22].but(dropout=0.15)
PRESETS[24] = PRESETS[22].but(dropout=0.25)
PRESETS[25] = PRESETS[22].but(dropout=0.3)

PRESETS.section("Optimizer")
# Adadelta instead of Adam, at the same learning rate.
PRESETS[26] = PRESETS[22].but(optimizer="adadelta")

PRESETS.section("Weight decay with dropout")
# A wide range: dropout already regularizes, so less weight decay may be enough.
PRESETS[27] = PRESETS[22].but(weight_decay=0.01)
PRESETS[28] = PRESETS[22].but(weight_decay=0.1)
PRESETS[29] = PRESETS[22].but(weight_decay=1.0)
PRESETS[30] = PRESETS[22].but(weight_decay=10.0)
PRESETS[31] = PRESETS[22].but(weight_decay=0.0001)

PRESETS.section("Learning rate")
# Powers of ten around Adam's default of 0.001.
PRESETS[32] = PRESETS[31].but(learning_rate=0.01)
PRESETS[33] = PRESETS[31].but(learning_rate=0.1)
PRESETS[34] = PRESETS[31].but(learning_rate=1.0)
PRESETS[35] = PRESETS[31].but(learning_rate=0.0001)

PRESETS.section("Fewer layers")
# One fewer hidden layer than preset 31, then also more weight decay.
PRESETS[36] = PRESETS[31].but(hidden_sizes=(300, 200, 200))
PRESETS[37] = PRESETS[36].but(weight_decay=0.01)

# The 2020 experiment ended here. The presets below add techniques that it did not use.

PRESETS.section("Past 98%: wider base network, input standardization, normalization")
# A plain network as a new base. Standardized inputs and normalized activations usually make training easier.
PRESETS[38] = Preset(hidden_sizes=(512, 512, 512), weight_init="he", bias_init="zeros", batch_size=250, epochs=30)
PRESETS[39] = PRESETS[38].but(standardize=True)
PRESETS[40] = PRESETS[39].but(normalization="layer")
PRESETS[41] = PRESETS[39].but(normalization="batch")

PRESETS.section("Adam: learning rate schedule, warmup, peak and beta_2")
# A learning rate that falls to 0 reduces noise at the end. A warmup may allow a higher peak.
PRESETS[42] = PRESETS[41].but(learning_rate_schedule="cosine")
PRESETS[43] = PRESETS[42].but(warmup=0.1)
PRESETS[44] = PRESETS[43].but(learning_rate=0.002)
PRESETS[45] = PRESETS[44].but(optimizer_arguments={"beta_2": 0.99})

PRESETS.section("Regularization that takes almost no extra time")
# Label smoothing, decoupled weight decay, averaged weights and gradient clipping.
PRESETS[46] = PRESETS[45].but(label_smoothing=0.05)
PRESETS[47] = PRESETS[46].but(decoupled_weight_decay=0.02)
PRESETS[48] = PRESETS[47].but(ema_decay=0.998)
PRESETS[49] = PRESETS[48].but(optimizer_arguments={"beta_2": 0.99, "global_clipnorm": 1.0})

PRESETS.section("Quick: 98% accuracy in as little time as possible on 2 cores")
# A small network with a short one-cycle schedule, which may allow a higher peak learning rate.
PRESETS[50] = PRESETS[45].but(hidden_sizes=(300, 200))
PRESETS[51] = PRESETS[50].but(learning_rate_schedule="one_cycle")
PRESETS[52] = PRESETS[51].but(epochs=6)
PRESETS[53] = PRESETS[52].but(learning_rate=0.006)
PRESETS[54] = PRESETS[53].but(epochs=2)

PRESETS.section("Without augmentation: wide networks with dropout")
# Dropout keeps the network from memorizing images. More dropout usually needs wider layers and more epochs.
PRESETS[60] = PRESETS[48].but(dropout=0.3)
PRESETS[61] = PRESETS[60].but(input_dropout=0.2)
PRESETS[62] = PRESETS[61].but(hidden_sizes=(1024, 1024, 1024))
PRESETS[63] = PRESETS[62].but(dropout=0.5)
PRESETS[64] = PRESETS[63].but(epochs=90)
PRESETS[65] = PRESETS[64].but(final_fit=True)

PRESETS.section("Without augmentation: adversarial training, then deskewing")
# Adversarial training regularizes. Deskewing removes slant, so the network does not have to learn it.
PRESETS[66] = PRESETS[60].but(adversarial=2)
PRESETS[67] = PRESETS[66].but(dropout=0.1)
PRESETS[68] = PRESETS[67].but(deskew=True)
PRESETS[69] = PRESETS[68].but(final_fit=True)

PRESETS.section("Data augmentation")
# No image is seen twice. Shift, rotation, scaling and shear imitate a camera, elastic deformation an unsteady hand.
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

PRESETS.section("Large network: stronger augmentation, more epochs, L1 decay, deskewed copy")
# More varied images may allow longer training. Presets 87 to 89 apply the changes from 93 to 96 to the large network.
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

PRESETS.section("Ensemble of small networks")
# Networks with different inputs may make different mistakes. Deskewed images vary less in slant.
PRESETS[90] = PRESETS[79].but(final_fit=True)
PRESETS[91] = PRESETS[90].but(deskew=True, rotation=3, shear=0.05)

PRESETS.section("Small network: L1 decay, deskewed copy, smaller batches, more epochs")
# Changes are quick to compare on a small network. Smaller batches get a lower learning rate.
PRESETS[92] = PRESETS[79].but(l1_decay=0.01)
PRESETS[93] = PRESETS[92].but(upright_beside=True)
PRESETS[94] = PRESETS[93].but(batch_size=100, learning_rate=0.0013, ema_decay=0.999)
PRESETS[95] = PRESETS[94].but(epochs=120)
PRESETS[96] = PRESETS[95].but(final_fit=True)

PRESETS.section("Large network: fewer epochs, twice the width")
# Tests whether 90 epochs are enough (preset 86 has 400), and whether a wider network helps.
PRESETS[97] = PRESETS[84].but(final_fit=True)
PRESETS[98] = PRESETS[97].but(hidden_sizes=(2048, 2048, 2048), epochs=36)

PRESETS.section("Preset 31 without weight decay")
# Shows what the weight decay of 0.0001 contributes.
PRESETS[100] = PRESETS[31].but(weight_decay=0.0)

PRESETS.section("Presets 6 to 8 and 16 to 37 with the weight decay that the 2020 experiment really had")
# By mistake, it added the L2 penalty once per layer. Presets 206 to 208 and 216 to 237 do that too.
for number in (*range(6, 9), *range(16, 38)):
    PRESETS[200 + number] = PRESETS[number].but(cumulative_weight_decay=True)

PRESETS.section("Your own presets: 301 and up")

if __name__ == "__main__":
    from mnist_mlp.console.command_line import ArgumentParser
    from mnist_mlp.console.tables import hyperparameters_help, presets_tables
    from mnist_mlp.console.terminal import open_console

    ArgumentParser("Prints all presets and what each one changes.", epilog=hyperparameters_help()).parse_args()
    terminal = open_console()
    terminal.print(*presets_tables(PRESETS, terminal.width), sep="\n")
