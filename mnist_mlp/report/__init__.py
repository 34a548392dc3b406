"""From runs/ and INFOS/ to everything that a person would put into a report. Imports no TensorFlow."""
