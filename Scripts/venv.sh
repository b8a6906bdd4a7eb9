# Sourced by the scripts that run Python: make_venv.

# make_venv FOLDER REQUIREMENTS: a virtual environment with the judges, made again when the requirements change, and
# with the Python client as a user would install it.
make_venv() {
    local folder=$1 requirements=$2 copy
    if ! cmp -s "$requirements" "$folder/requirements.txt" || ! "$folder/bin/python" -c '' 2>/dev/null; then
        rm -rf "$folder"
        python3 -m venv "$folder"
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$folder/requirements.txt"
    fi
    # From a copy, for setuptools builds beside the sources.
    copy=$(mktemp -d)
    cp -r Clients/Python "$copy/client"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall "$copy/client"
    rm -rf "$copy"
}
